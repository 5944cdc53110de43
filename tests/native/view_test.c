// Views: known answers for every kind, the messages of what is refused, broadcasting, loops and
// overlap. tests/native/view_fuzz.c tries what nobody thought of.
#include "test.h"

#include <math.h>

#define NONE (-1) // ends a list of lengths
#define O NAN     // an omitted argument
#define RANGE(start, stop, step) 0, start, stop, step
#define AT(index) 1, index, O, O
#define NEW 2, O, O, O
#define DOTS 3, O, O, O

// "[2, 3] by [3, 1] at 0 dense": the shape, the strides of axes longer than 1, the offset in
// elements.
static const char *text_of(const gk_view *v) {
  static char text[256];
  char shape[100], strides[100];
  int64_t shown[GK_MAX_DIMS];
  for (int i = 0; i < v->ndim; i++) shown[i] = v->shape[i] > 1 ? v->strides[i] : 0;
  snprintf(text, sizeof text, "%s by %s at %lld%s", gk_shape_text(shape, 100, v->shape, v->ndim),
           gk_shape_text(strides, 100, shown, v->ndim),
           (long long)v->offset / gk_dtypes[v->dtype].size, v->contiguous ? " dense" : "");
  return text;
}

static int64_t product(const gk_view *v) {
  int64_t size = 1;
  for (int i = 0; i < v->ndim; i++) size *= v->shape[i];
  return size;
}

static gk_view view_of(gk_storage *storage, const int64_t *shape) {
  int ndim = 0;
  while (ndim < GK_MAX_DIMS && shape[ndim] != NONE) ndim++;
  return test_view(storage, NULL, GK_float32, ndim, shape);
}

// ---- kinds, from a contiguous view ---------------------------------------------------------

#define LIST(...) {__VA_ARGS__}
#define CASE(shape, kind, status, expected, ...)                                                   \
  {__LINE__,                                                                                       \
   shape,                                                                                          \
   GK_VIEW_##kind,                                                                                 \
   status,                                                                                         \
   (const double[]){0, ##__VA_ARGS__},                                                             \
   (int)(sizeof((const double[]){0, ##__VA_ARGS__}) / sizeof(double)) - 1,                         \
   expected}
// The shape from which a case starts.
#define S0 LIST(NONE)
#define S5 LIST(5, NONE)
#define S23 LIST(2, 3, NONE)
#define S234 LIST(2, 3, 4, NONE)
#define S131 LIST(1, 3, 1, NONE)
#define S03 LIST(0, 3, NONE)
#define S8 LIST(1, 2, 1, 2, 1, 2, 1, 2)

static const struct {
  int line;
  int64_t shape[GK_MAX_DIMS + 1];
  gk_view_kind kind;
  gk_status status;
  const double *args; // after a first number that only keeps the list from being empty
  int count;
  const char *expected; // the view's text, or the message
} cases[] = {
    CASE(S23, ALIAS, GK_OK, "[2, 3] by [3, 1] at 0 dense"),
    CASE(S23, ALIAS, GK_ARGUMENT, "1 argument given, not between 0 and 0", 0),

    CASE(S23, RESHAPE, GK_OK, "[6] by [1] at 0 dense", 6),
    CASE(S23, RESHAPE, GK_OK, "[3, 1, 2] by [2, 0, 1] at 0 dense", 3, 1, -1),
    CASE(S0, RESHAPE, GK_OK, "[1, 1] by [0, 0] at 0 dense", 1, -1),
    CASE(LIST(1, 1, NONE), RESHAPE, GK_OK, "[] by [] at 0 dense"),
    CASE(S03, RESHAPE, GK_OK, "[5, 0] by [1, 0] at 0 dense", 5, -1),
    CASE(S03, RESHAPE, GK_SHAPE, "[0, 3] has 0 elements and cannot become [-1, 0]", -1, 0),
    CASE(S23, RESHAPE, GK_SHAPE, "[2, 3] has 6 elements and cannot become [4]", 4),
    CASE(S23, RESHAPE, GK_SHAPE, "[2, 3] has 6 elements and cannot become [4, -1]", 4, -1),
    CASE(S0, RESHAPE, GK_SHAPE, "[] has 1 element and cannot become [2]", 2),
    CASE(S23, RESHAPE, GK_SHAPE, "only one length can be -1", -1, -1),
    CASE(S23, RESHAPE, GK_SHAPE, "length -2 of axis 1 is negative", 3, -2),
    CASE(S23, RESHAPE, GK_ARGUMENT, "length 1.5 of axis 0 is not an integer", 1.5, 4),
    CASE(S23, RESHAPE, GK_ARGUMENT, "length NaN of axis 0 is not an integer", NAN),
    CASE(S23, RESHAPE, GK_ARGUMENT, "length Infinity of axis 1 is not an integer", 1, INFINITY),
    CASE(S23, RESHAPE, GK_SHAPE, "length 1e+300 of axis 0 is more than 2^53", 1e300),
    CASE(S23, RESHAPE, GK_SHAPE, "shape [4294967296, 4294967296] has more than 2^53 bytes", 0x1p32,
         0x1p32),
    CASE(S03, RESHAPE, GK_SHAPE, "shape [0, 9007199254740992] has more than 2^53 bytes", 0, 0x1p53),
    CASE(S23, RESHAPE, GK_SHAPE, "9 dimensions are too many, at most 8 are possible", 1, 1, 1, 1, 1,
         1, 1, 2, 3),

    CASE(S234, TRANSPOSE, GK_OK, "[4, 3, 2] by [1, 4, 12] at 0"),
    CASE(S234, TRANSPOSE, GK_OK, "[4, 2, 3] by [1, 12, 4] at 0", 2, 0, 1),
    CASE(S234, TRANSPOSE, GK_OK, "[2, 3, 4] by [12, 4, 1] at 0 dense", 0, -2, -1),
    CASE(S131, TRANSPOSE, GK_OK, "[1, 1, 3] by [0, 0, 1] at 0 dense", 0, 2, 1),
    CASE(S0, TRANSPOSE, GK_OK, "[] by [] at 0 dense"),
    CASE(S23, TRANSPOSE, GK_SHAPE, "1 axis given for 2 dimensions", 0),
    CASE(S5, TRANSPOSE, GK_SHAPE, "2 axes given for 1 dimension", 0, 1),
    CASE(S23, TRANSPOSE, GK_SHAPE, "axis 1 is given twice", 1, -1),
    CASE(S23, TRANSPOSE, GK_SHAPE, "axis 2 is out of range for 2 dimensions", 0, 2),
    CASE(S23, TRANSPOSE, GK_SHAPE, "axis -3 is out of range for 2 dimensions", 0, -3),
    CASE(S23, TRANSPOSE, GK_ARGUMENT, "axis 0.5 is not an integer", 0.5, 1),

    CASE(S23, BROADCAST, GK_OK, "[4, 2, 3] by [0, 3, 1] at 0", 4, 2, 3),
    CASE(S131, BROADCAST, GK_OK, "[2, 3, 5] by [0, 1, 0] at 0", 2, 3, 5),
    CASE(S0, BROADCAST, GK_OK, "[2, 0] by [0, 0] at 0 dense", 2, 0),
    CASE(S0, BROADCAST, GK_OK, "[2251799813685248] by [0] at 0", 0x1p51),
    CASE(S23, BROADCAST, GK_SHAPE, "[2, 3] does not broadcast to [3]", 3),
    CASE(S23, BROADCAST, GK_SHAPE, "[2, 3] does not broadcast to [2, 4]", 2, 4),
    CASE(S03, BROADCAST, GK_SHAPE, "[0, 3] does not broadcast to [1, 3]", 1, 3),
    CASE(S5, BROADCAST, GK_SHAPE, "length -1 of axis 0 is negative", -1),
    CASE(S0, BROADCAST, GK_SHAPE, "shape [2251799813685249] has more than 2^53 bytes", 0x1p51 + 1),

    CASE(S131, SQUEEZE, GK_OK, "[3] by [1] at 0 dense"),
    CASE(S131, SQUEEZE, GK_OK, "[1, 3] by [0, 1] at 0 dense", -1),
    CASE(S131, SQUEEZE, GK_SHAPE, "axis 1 of [1, 3, 1] has length 3, only length 1 can be dropped",
         0, 1),
    CASE(S131, SQUEEZE, GK_SHAPE, "axis 0 is given twice", 0, 0),
    CASE(S0, SQUEEZE, GK_SHAPE, "axis 0 is out of range for 0 dimensions", 0),

    CASE(S23, EXPAND, GK_OK, "[1, 2, 3, 1] by [0, 3, 1, 0] at 0 dense", 0, -1),
    CASE(S23, EXPAND, GK_OK, "[2, 1, 1, 3] by [3, 0, 0, 1] at 0 dense", 2, 1),
    CASE(S23, EXPAND, GK_OK, "[2, 3] by [3, 1] at 0 dense"),
    CASE(S23, EXPAND, GK_SHAPE, "axis 3 is out of range for 3 dimensions", 3),
    CASE(S23, EXPAND, GK_SHAPE, "axis 0 is given twice", 0, -4),
    CASE(S8, EXPAND, GK_SHAPE, "the result would have 9 dimensions, at most 8 are possible", 0),

    CASE(S23, FLIP, GK_OK, "[2, 3] by [-3, -1] at 5"),
    CASE(S23, FLIP, GK_OK, "[2, 3] by [3, -1] at 2", -1),
    CASE(S131, FLIP, GK_OK, "[1, 3, 1] by [0, 1, 0] at 0 dense", 0, 2),
    CASE(S03, FLIP, GK_OK, "[0, 3] by [0, -1] at 0 dense"),
    CASE(S23, FLIP, GK_SHAPE, "axis -1e+300 is out of range for 2 dimensions", -1e300),

    CASE(S5, SLICE, GK_OK, "[3] by [1] at 1 dense", RANGE(1, 4, O)),
    CASE(S5, SLICE, GK_OK, "[3] by [2] at 0", RANGE(O, O, 2)),
    CASE(S5, SLICE, GK_OK, "[5] by [-1] at 4", RANGE(O, O, -1)),
    CASE(S5, SLICE, GK_OK, "[3] by [-2] at 4", RANGE(O, O, -2)),
    CASE(S5, SLICE, GK_OK, "[2] by [1] at 3 dense", RANGE(-2, O, O)),
    CASE(S5, SLICE, GK_OK, "[0] by [0] at 0 dense", RANGE(4, 2, 1)),
    CASE(S5, SLICE, GK_OK, "[5] by [1] at 0 dense", RANGE(-1e300, 1e300, 1)),
    CASE(S5, SLICE, GK_OK, "[1] by [0] at 0 dense", RANGE(O, O, 1e300)),
    CASE(S5, SLICE, GK_OK, "[1] by [0] at 4 dense", RANGE(O, O, -1e300)),
    CASE(S5, SLICE, GK_OK, "[2] by [-3] at 3", RANGE(3, -100, -3)),
    CASE(S5, SLICE, GK_OK, "[4] by [-1] at 4", RANGE(100, 0, -1)),
    CASE(S5, SLICE, GK_OK, "[0] by [0] at 0 dense", RANGE(-100, O, -1)),
    CASE(S5, SLICE, GK_OK, "[] by [] at 4 dense", AT(-1)),
    CASE(S5, SLICE, GK_OK, "[] by [] at 0 dense", AT(-0.0)),
    CASE(S234, SLICE, GK_OK, "[3, 4] by [4, 1] at 12 dense", AT(1)),
    CASE(S234, SLICE, GK_OK, "[2, 3] by [12, 4] at 2", DOTS, AT(2)),
    CASE(S234, SLICE, GK_OK, "[1, 3, 1, 2] by [0, 4, 0, 1] at 2", NEW, AT(0), DOTS, NEW,
         RANGE(2, O, O)),
    CASE(S234, SLICE, GK_OK, "[3, 4, 1] by [4, 1, 0] at 12 dense", AT(1), DOTS, NEW),
    CASE(S234, SLICE, GK_OK, "[2, 3, 4] by [12, 4, 1] at 0 dense"),
    CASE(S0, SLICE, GK_OK, "[1] by [0] at 0 dense", NEW, DOTS),
    CASE(S8, SLICE, GK_OK, "[1, 2, 1, 2, 1, 2, 1, 2] by [0, 8, 0, 4, 0, 2, 0, 1] at 0 dense", AT(0),
         NEW),
    CASE(S5, SLICE, GK_INDEX, "index 5 is out of range for axis 0 with length 5", AT(5)),
    CASE(S23, SLICE, GK_INDEX, "index -4 is out of range for axis 1 with length 3", AT(0), AT(-4)),
    CASE(S03, SLICE, GK_INDEX, "index 0 is out of range for axis 0 with length 0", AT(0)),
    CASE(S5, SLICE, GK_INDEX, "index 1e+300 is out of range for axis 0 with length 5", AT(1e300)),
    CASE(S5, SLICE, GK_ARGUMENT, "index 1.5 is not an integer", AT(1.5)),
    CASE(S5, SLICE, GK_ARGUMENT, "index NaN is not an integer", AT(NAN)),
    CASE(S5, SLICE, GK_INDEX, "2 indices given for 1 dimension of [5]", AT(0), RANGE(O, O, O)),
    CASE(S5, SLICE, GK_INDEX, "2 ellipses given, only one is possible", DOTS, DOTS),
    CASE(S5, SLICE, GK_ARGUMENT, "the step of a range is 0, it can be anything else",
         RANGE(O, O, 0)),
    CASE(S5, SLICE, GK_ARGUMENT, "the stop Infinity of a range is not an integer",
         RANGE(O, INFINITY, O)),
    CASE(S5, SLICE, GK_ARGUMENT, "the start 0.25 of a range is not an integer", RANGE(0.25, O, O)),
    CASE(S5, SLICE, GK_ARGUMENT, "index kind 4 is none of 0 to 3", 4, 0, 0, 0),
    CASE(S5, SLICE, GK_ARGUMENT, "index kind NaN is none of 0 to 3", NAN, 0, 0, 0),
    CASE(S5, SLICE, GK_ARGUMENT, "3 numbers given for indices of 4 numbers each", 0, 0, 0),
    CASE(S8, SLICE, GK_SHAPE, "the result would have 9 dimensions, at most 8 are possible", NEW),

    CASE(S234, SWAPAXES, GK_OK, "[4, 3, 2] by [1, 4, 12] at 0", 0, -1),
    CASE(S234, SWAPAXES, GK_OK, "[2, 3, 4] by [12, 4, 1] at 0 dense", 1, 1),
    CASE(S234, SWAPAXES, GK_SHAPE, "axis 3 is out of range for 3 dimensions", 0, 3),
    CASE(S234, SWAPAXES, GK_ARGUMENT, "1 argument given, not between 2 and 2", 0),
    CASE(S234, MOVEAXIS, GK_OK, "[3, 4, 2] by [4, 1, 12] at 0", 0, -1),
    CASE(S234, MOVEAXIS, GK_OK, "[4, 2, 3] by [1, 12, 4] at 0", 2, 0),
    CASE(S5, MOVEAXIS, GK_SHAPE, "axis 1 is out of range for 1 dimension", 0, 1),

    CASE(S23, DIAGONAL, GK_OK, "[2] by [4] at 0"),
    CASE(S23, DIAGONAL, GK_OK, "[2] by [4] at 1", 1),
    CASE(S23, DIAGONAL, GK_OK, "[1] by [0] at 3 dense", -1),
    CASE(S23, DIAGONAL, GK_OK, "[0] by [0] at 0 dense", 3),
    CASE(S23, DIAGONAL, GK_OK, "[0] by [0] at 0 dense", -1e300),
    CASE(S234, DIAGONAL, GK_OK, "[2, 3] by [12, 5] at 0", 0),
    CASE(S5, DIAGONAL, GK_SHAPE, "a diagonal needs 2 dimensions or more, [5] has 1", 0),
    CASE(S23, DIAGONAL, GK_ARGUMENT, "offset NaN is not an integer", NAN),

    CASE(S5, REAL, GK_DTYPE, "only complex64 has parts, not float32"),
    CASE(S5, IMAG, GK_DTYPE, "only complex64 has parts, not float32"),
    CASE(S5, REAL, GK_ARGUMENT, "1 argument given, not between 0 and 0", 1),
    CASE(S5, IMAG + 1, GK_ARGUMENT, "view kind 13 does not exist"),
    CASE(S5, ALIAS - 1, GK_ARGUMENT, "view kind -1 does not exist"),
};

static void test_cases(void) {
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gk_storage storage;
    gk_view v = view_of(&storage, cases[i].shape), out = v;
    char message[200] = "";
    gk_status status = gk_view_apply(&out, &v, cases[i].kind, cases[i].args + 1, cases[i].count,
                                     message, sizeof message);
    const char *got = status ? message : text_of(&out);
    test_check(status == cases[i].status && !strcmp(got, cases[i].expected), __FILE__,
               cases[i].line, "status %d, %s", status, got);
    if (status)
      CHECKF(!memcmp(&out, &v, sizeof v), "line %d changed the result", cases[i].line);
    else
      CHECKF(out.size == product(&out), "line %d: size", cases[i].line);
  }
}

// ---- the parts of complex64

static void test_parts(void) {
  gk_storage storage;
  gk_view z = test_view(&storage, NULL, GK_complex64, 2, (int64_t[]){2, 3}), part, out;
  CHECK(!gk_view_apply(&out, &z, GK_VIEW_REAL, NULL, 0, NULL, 0));
  CHECK(!strcmp(text_of(&out), "[2, 3] by [6, 2] at 0") && out.dtype == GK_float32);
  CHECK(!gk_view_apply(&out, &z, GK_VIEW_IMAG, NULL, 0, NULL, 0));
  CHECK(!strcmp(text_of(&out), "[2, 3] by [6, 2] at 1") && out.size == 6);
  CHECK(gk_view_apply(&part, &out, GK_VIEW_IMAG, NULL, 0, NULL, 0) == GK_DTYPE);
  double back[] = {AT(1), RANGE(O, O, -1)};
  CHECK(!gk_view_apply(&part, &z, GK_VIEW_SLICE, back, 8, NULL, 0));
  CHECK(!gk_view_apply(&out, &part, GK_VIEW_IMAG, NULL, 0, NULL, 0));
  CHECK(!strcmp(text_of(&out), "[3] by [-2] at 11"));
  // One of no elements stays where it is: its place may be the storage's end.
  double none[] = {RANGE(2, O, O)};
  CHECK(!gk_view_apply(&part, &z, GK_VIEW_SLICE, none, 4, NULL, 0));
  CHECK(!gk_view_apply(&out, &part, GK_VIEW_IMAG, NULL, 0, NULL, 0));
  CHECK(out.size == 0 && out.offset == part.offset);
}

// ---- reshapes of views with strides ----------------------------------------------------------

static void test_reshape(void) {
  gk_storage storage;
  gk_view v = view_of(&storage, (int64_t[])S234), rows, out;
  char message[200];
  // Every second column: [2, 3, 2] by [12, 4, 2].
  double slice[] = {DOTS, RANGE(O, O, 2)};
  CHECK(!gk_view_apply(&rows, &v, GK_VIEW_SLICE, slice, 8, message, 200));
  CHECK(!gk_view_apply(&out, &rows, GK_VIEW_RESHAPE, (double[]){-1}, 1, message, 200));
  CHECK(!strcmp(text_of(&out), "[12] by [2] at 0"));
  // The first two of three rows: not one stride.
  double part[] = {RANGE(O, O, O), RANGE(O, 2, O)};
  CHECK(!gk_view_apply(&rows, &v, GK_VIEW_SLICE, part, 8, message, 200));
  CHECK(!gk_view_apply(&out, &rows, GK_VIEW_RESHAPE, (double[]){1, 2, 4, 2}, 4, message, 200));
  CHECK(!strcmp(text_of(&out), "[1, 2, 4, 2] by [0, 12, 2, 1] at 0"));
  CHECK(gk_view_apply(&out, &rows, GK_VIEW_RESHAPE, (double[]){16}, 1, message, 200) ==
        GK_UNSUPPORTED);
  CHECK(!strcmp(message, "[2, 2, 4] cannot become [16] without a copy"));
  CHECK(gk_view_apply(&out, &rows, GK_VIEW_RESHAPE, (double[]){4, 5}, 2, message, 200) == GK_SHAPE);
  // A short message buffer is not overrun, none at all is fine.
  char tiny[8] = "1234567";
  CHECK(gk_view_apply(&out, &rows, GK_VIEW_RESHAPE, (double[]){5}, 1, tiny, 4) == GK_SHAPE);
  CHECK(!memcmp(tiny,
                "[2,\0"
                "567",
                8));
  CHECK(gk_view_apply(&out, &rows, GK_VIEW_RESHAPE, (double[]){5}, 1, NULL, 0) == GK_SHAPE);
  CHECK(!strcmp(gk_shape_text(tiny, 6, v.shape, 3), "[2, 3"));
}

// ---- broadcasting and loops ------------------------------------------------------------------

static void test_broadcast(void) {
  gk_storage storage;
  int64_t shape[GK_MAX_DIMS] = {3};
  int ndim = 1;
  gk_view column = view_of(&storage, (int64_t[])LIST(2, 1, NONE)), out;
  gk_view four = view_of(&storage, (int64_t[])LIST(4, NONE));
  CHECK(gk_broadcast_shape(shape, &ndim, &column) && ndim == 2 && shape[0] == 2 && shape[1] == 3);
  CHECK(!gk_broadcast_shape(shape, &ndim, &four) && ndim == 2 && shape[0] == 2 && shape[1] == 3);
  CHECK(gk_broadcast_view(&out, &column, shape, ndim));
  CHECK(!strcmp(text_of(&out), "[2, 3] by [1, 0] at 0") && out.size == 6);
  CHECK(!gk_broadcast_view(&out, &four, shape, ndim));
  CHECK(!gk_broadcast_view(&out, &column, shape, 1));
  // 2^80 elements: no overflow, no view.
  int64_t huge[] = {(int64_t)1 << 40, (int64_t)1 << 40};
  gk_view one = view_of(&storage, (int64_t[])S0);
  CHECK(!gk_broadcast_view(&out, &one, huge, 2));
  CHECK(gk_broadcast_view(&out, &one, (int64_t[]){(int64_t)1 << 51}, 1));
  CHECK(!gk_broadcast_view(&out, &one, (int64_t[]){((int64_t)1 << 51) + 1}, 1));
  out.ndim = 2;
  memcpy(out.shape, huge, sizeof huge);
  gk_view_make_contiguous(&out);
  CHECK(out.size > (int64_t)1 << 53 && gk_view_bytes(&out) > out.size);
}

static void test_loops(void) {
  gk_storage storage;
  gk_loop loop;
  gk_view a = view_of(&storage, (int64_t[])S234), flipped, row, out;
  char message[100];
  gk_loop_build(&loop, 2, (const gk_view *[]){&a, NULL});
  CHECK(loop.ndim == 1 && loop.shape[0] == 24 && loop.strides[0][0] == 1 && !loop.strides[1][0]);
  CHECK(!gk_view_apply(&flipped, &a, GK_VIEW_FLIP, (double[]){0}, 1, message, 100));
  gk_loop_build(&loop, 3, (const gk_view *[]){NULL, &a, &flipped});
  CHECK(loop.ndim == 2 && loop.shape[0] == 2 && loop.shape[1] == 12);
  CHECK(loop.strides[1][0] == 12 && loop.strides[2][0] == -12 && loop.strides[2][1] == 1);
  row = view_of(&storage, (int64_t[])LIST(4, NONE));
  CHECK(gk_broadcast_view(&out, &row, a.shape, 3));
  gk_loop_build(&loop, 2, (const gk_view *[]){&a, &out});
  CHECK(loop.ndim == 2 && loop.shape[0] == 6 && loop.shape[1] == 4);
  CHECK(loop.strides[0][0] == 4 && loop.strides[1][0] == 0 && loop.strides[1][1] == 1);
  gk_view none = view_of(&storage, (int64_t[])LIST(2, 0, 3, NONE));
  gk_loop_build(&loop, 1, (const gk_view *[]){&none});
  CHECK(loop.ndim == 1 && loop.shape[0] == 0);
  gk_view one = view_of(&storage, (int64_t[])LIST(1, 1, NONE));
  gk_loop_build(&loop, 1, (const gk_view *[]){&one});
  CHECK(loop.ndim == 1 && loop.shape[0] == 1);
}

// ---- overlap -------------------------------------------------------------------------------

static gk_view sliced(const gk_view *v, const double *args, int count) {
  gk_view out;
  CHECK(!gk_view_apply(&out, v, GK_VIEW_SLICE, args, count, NULL, 0));
  return out;
}
#define SLICED(v, ...)                                                                             \
  sliced(v, (double[]){__VA_ARGS__}, (int)(sizeof((double[]){__VA_ARGS__}) / sizeof(double)))

static void test_overlap(void) {
  gk_storage storage, other;
  gk_view m = view_of(&storage, (int64_t[])LIST(1000, 1000, NONE));
  gk_view b = view_of(&other, (int64_t[])LIST(1000, 1000, NONE));
  gk_view even = SLICED(&m, DOTS, RANGE(0, O, 2)), odd = SLICED(&m, DOTS, RANGE(1, O, 2));
  gk_view left = SLICED(&m, DOTS, RANGE(O, 500, O)), right = SLICED(&m, DOTS, RANGE(500, O, O));
  gk_view wide = SLICED(&m, DOTS, RANGE(499, O, O)), back = SLICED(&right, DOTS, RANGE(O, O, -1));
  gk_view top = SLICED(&m, RANGE(O, 500, O)), bottom = SLICED(&m, RANGE(500, O, O));
  gk_view third = SLICED(&m, AT(3), RANGE(O, O, 3)), none = SLICED(&m, RANGE(3, 3, O));
  CHECK(!gk_views_overlap(&m, &b));
  CHECK(gk_views_overlap(&m, &m));
  CHECK(!gk_views_overlap(&even, &odd));
  CHECK(!gk_views_overlap(&left, &right) && !gk_views_overlap(&right, &left));
  CHECK(!gk_views_overlap(&left, &back));
  CHECK(gk_views_overlap(&left, &wide) && gk_views_overlap(&wide, &right));
  CHECK(!gk_views_overlap(&top, &bottom));
  CHECK(gk_views_overlap(&third, &even) && gk_views_overlap(&third, &odd));
  CHECK(!gk_views_overlap(&third, &bottom));
  CHECK(!gk_views_overlap(&none, &none));
  // Two of 4-byte elements that share bytes without sharing places.
  gk_view shifted = odd;
  shifted.offset -= 2;
  CHECK(gk_views_overlap(&shifted, &odd) && gk_views_overlap(&shifted, &even));

  gk_view out;
  CHECK(!gk_view_repeats(&m) && !gk_view_repeats(&back) && !gk_view_repeats(&none));
  CHECK(!gk_view_apply(&out, &m, GK_VIEW_BROADCAST, (double[]){1, 1000, 1000}, 3, NULL, 0));
  CHECK(!gk_view_repeats(&out));
  CHECK(!gk_view_apply(&out, &m, GK_VIEW_BROADCAST, (double[]){2, 1000, 1000}, 3, NULL, 0));
  CHECK(gk_view_repeats(&out));
}

int main(void) {
  test_cases();
  test_parts();
  test_reshape();
  test_broadcast();
  test_loops();
  test_overlap();
  return test_done();
}
