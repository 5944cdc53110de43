// Sorting items (sort.h): the method for their number and the instruction set, the radix sort, and
// lines of elements as items.
#include <string.h>

#include "blocks.h"
#include "sort.h"

#define INSERTION 16 // longest run sorted by insertion
#define SMALL(bits) (3 * bits) // up to here merging beats counting
#define FEW_BYTES 1000 // items from which counting two bytes beats comparing

// ---- radix

#define SORTER(bits)                                                                               \
  static void insert_##bits(int64_t n, int##bits##_t *items) {                                     \
    for (int64_t i = 1; i < n; i++) {                                                              \
      const int##bits##_t x = items[i];                                                            \
      int64_t j = i;                                                                               \
      for (; j > 0 && x < items[j - 1]; j--) items[j] = items[j - 1];                              \
      items[j] = x;                                                                                \
    }                                                                                              \
  }                                                                                                \
  static void merge_##bits(const int##bits##_t *a, int64_t na, const int##bits##_t *b, int64_t nb, \
                           int##bits##_t *out) {                                                   \
    int64_t i = 0, j = 0;                                                                          \
    while (i < na && j < nb) {                                                                     \
      const bool take_b = b[j] < a[i];                                                             \
      *out++ = take_b ? b[j] : a[i];                                                               \
      j += take_b;                                                                                 \
      i += !take_b;                                                                                \
    }                                                                                              \
    const int64_t rest = na - i + nb - j;                                                          \
    if (rest > 0) memcpy(out, i < na ? a + i : b + j, (size_t)rest * sizeof *out);                 \
  }                                                                                                \
  static void *merge_sort_##bits(int64_t n, int##bits##_t *from, int##bits##_t *to) {              \
    for (int64_t i = 0; i < n; i += INSERTION)                                                     \
      insert_##bits(n - i < INSERTION ? n - i : INSERTION, from + i);                              \
    for (int64_t run = INSERTION; run < n; run *= 2) {                                             \
      for (int64_t i = 0; i < n; i += 2 * run) {                                                   \
        const int64_t na = n - i < run ? n - i : run, nb = n - i - na < run ? n - i - na : run;    \
        merge_##bits(from + i, na, from + i + na, nb, to + i);                                     \
      }                                                                                            \
      int##bits##_t *t = from;                                                                     \
      from = to;                                                                                   \
      to = t;                                                                                      \
    }                                                                                              \
    return from;                                                                                   \
  }                                                                                                \
  static void *radix_sort_##bits(int64_t n, int##bits##_t *items, int##bits##_t *other,            \
                                 int first_byte) {                                                 \
    typedef uint##bits##_t word;                                                                   \
    /* as unsigned numbers of the same order */                                                    \
    const word sign = (word)1 << (bits - 1);                                                       \
    const word *from = (const word *)items;                                                        \
    word *to = (word *)other;                                                                      \
    int64_t counts[bits / 8][256];                                                                 \
    memset(counts, 0, sizeof counts);                                                              \
    for (int64_t i = 0; i < n && first_byte < 4; i++) {                                            \
      const word x = from[i] ^ sign;                                                               \
      for (int d = 0; d < bits / 8; d++) counts[d][x >> 8 * d & 255]++;                            \
    }                                                                                              \
    for (int64_t i = 0; i < n && first_byte >= 4; i++) {                                           \
      const word x = from[i] ^ sign;                                                               \
      for (int d = 4; d < bits / 8; d++) counts[d][x >> 8 * d & 255]++;                            \
    }                                                                                              \
    for (int d = first_byte; d < bits / 8; d++) {                                                  \
      int64_t *count = counts[d], place = 0;                                                       \
      if (count[(from[0] ^ sign) >> 8 * d & 255] == n) continue; /* a byte that all share */       \
      for (int v = 0; v < 256; v++) {                                                              \
        const int64_t c = count[v];                                                                \
        count[v] = place;                                                                          \
        place += c;                                                                                \
      }                                                                                            \
      for (int64_t i = 0; i < n; i++) to[count[(from[i] ^ sign) >> 8 * d & 255]++] = from[i];      \
      word *t = (word *)(uintptr_t)from;                                                           \
      from = to;                                                                                   \
      to = t;                                                                                      \
    }                                                                                              \
    return (void *)(uintptr_t)from;                                                                \
  }

#define PARTITION(bits)                                                                            \
  static int64_t partition_##bits(int64_t n, const int##bits##_t *items, int##bits##_t pivot,      \
                                  int##bits##_t *low, int##bits##_t *high) {                       \
    int64_t below = 0;                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                              \
      const int##bits##_t x = items[i];                                                            \
      const bool is_below = x < pivot;                                                             \
      *(is_below ? low + below : high + (i - below)) = x;                                          \
      below += is_below;                                                                           \
    }                                                                                              \
    return below;                                                                                  \
  }

SORTER(32)
SORTER(64)
PARTITION(32)
PARTITION(64)

void *gk_sort_radix(bool wide, int64_t n, void *items, void *other, int sorted_bytes) {
  if (wide)
    return n <= SMALL(64) ? merge_sort_64(n, items, other)
                          : radix_sort_64(n, items, other, sorted_bytes);
  return n <= SMALL(32) ? merge_sort_32(n, items, other)
                        : radix_sort_32(n, items, other, sorted_bytes);
}

void *gk_sort_items(bool wide, int64_t n, void *items, void *other, int sorted_bytes) {
  void (*quick)(int64_t, void *, void *) = gk_quick_kernels()->sort[wide];
  if (!quick) return gk_sort_radix(wide, n, items, other, sorted_bytes);
  quick(n, items, other);
  return items;
}

int64_t gk_sort_partition(bool wide, int64_t n, const void *items, const void *pivot, void *low,
                          void *high) {
  const gk_quick_table *quick = gk_quick_kernels();
  if (quick->partition[wide]) return quick->partition[wide](n, items, pivot, low, high);
  return wide ? partition_64(n, items, *(const int64_t *)pivot, low, high)
              : partition_32(n, items, *(const int32_t *)pivot, low, high);
}

// ---- lines as items

void gk_sort_keys(const gk_sort_line *l, int64_t begin, int64_t count, void *keys) {
  const gk_sort_table *table = gk_sort_kernels();
  const char *from = l->data + begin * l->stride * l->size;
  if (!l->cast && l->stride == 1) {
    table->to_keys[l->log2](count, from, keys, &l->order);
    return;
  }
  const int key_bytes = gk_sort_wide(l) ? 8 : 4;
  _Alignas(64) char raw[GK_BLOCK_ELEMENTS * 8], block[GK_BLOCK_ELEMENTS * 8];
  for (int64_t i = 0; i < count; i += GK_BLOCK_ELEMENTS) {
    const int64_t m = count - i < GK_BLOCK_ELEMENTS ? count - i : GK_BLOCK_ELEMENTS;
    gk_cpu_gather(m, l->size, from + i * l->stride * l->size, l->stride, raw);
    if (l->cast) l->cast(m, raw, block);
    table->to_keys[l->log2](m, l->cast ? block : raw, (char *)keys + i * key_bytes, &l->order);
  }
}

void gk_sort_measure(gk_sort_line *l) {
  l->shift = 0;
  l->place_bits = 32;
  if (!gk_sort_wide(l)) return;
  for (l->place_bits = 1; l->n > (int64_t)1 << l->place_bits;) l->place_bits++;
  int64_t least = INT64_MAX, most = INT64_MIN, block[GK_BLOCK_ELEMENTS];
  for (int64_t i = 0; i < l->n; i += GK_BLOCK_ELEMENTS) {
    const int64_t m = l->n - i < GK_BLOCK_ELEMENTS ? l->n - i : GK_BLOCK_ELEMENTS;
    gk_sort_keys(l, i, m, block);
    gk_sort_kernels()->range(m, block, &least, &most);
  }
  l->least = (uint64_t)least;
  const uint64_t span = (uint64_t)most - l->least, largest = UINT64_MAX >> l->place_bits;
  while (l->n && span >> l->shift > largest) l->shift++;
}

void gk_sort_pack(const gk_sort_line *l, int64_t begin, int64_t count, int64_t *items) {
  const gk_sort_table *table = gk_sort_kernels();
  _Alignas(64) int64_t block[GK_BLOCK_ELEMENTS];
  for (int64_t i = 0; i < count; i += GK_BLOCK_ELEMENTS) {
    const int64_t m = count - i < GK_BLOCK_ELEMENTS ? count - i : GK_BLOCK_ELEMENTS;
    gk_sort_keys(l, begin + i, m, block);
    if (gk_sort_wide(l))
      table->pack_wide(m, block, l->least, l->shift, l->place_bits, items + i, begin + i);
    else
      table->pack(m, (const int32_t *)block, items + i, begin + i);
  }
}

static int64_t place_of(const gk_sort_line *l, int64_t item) {
  return item & (((int64_t)1 << l->place_bits) - 1);
}

// A run of items that are equal but for their places: by the low bits of the keys.
static void finish_run(const gk_sort_line *l, int64_t count, int64_t *items, int64_t *room) {
  const uint64_t low_bits = ((uint64_t)1 << l->shift) - 1; // shift <= place_bits <= 32
  int64_t *rest = room, *other = room + count;
  bool differ = false;
  for (int64_t i = 0; i < count; i++)
    memcpy(rest + i, l->data + place_of(l, items[i]) * l->stride * 8, 8);
  gk_sort_kernels()->to_keys[3](count, rest, other, &l->order);
  for (int64_t i = 0; i < count; i++) {
    const uint64_t low = ((uint64_t)other[i] - l->least) & low_bits;
    differ |= other[i] != other[0];
    rest[i] = (int64_t)((low ^ 0x80000000u) << 32 | (uint64_t)i);
  }
  if (!differ) return;
  int64_t *sorted = gk_sort_items(true, count, rest, other, 4);
  other = sorted == rest ? other : rest;
  for (int64_t i = 0; i < count; i++) other[i] = items[sorted[i] & 0xffffffff];
  memcpy(items, other, (size_t)count * sizeof *items);
}

// Orders items that are equal but for their places by the rest of their keys. `room` is for 2 * count.
static void finish(const gk_sort_line *l, int64_t count, int64_t *items, int64_t *room) {
  if (!l->shift) return;
  for (int64_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && items[end] >> l->place_bits == items[i] >> l->place_bits;)
      end++;
    if (end - i > 1) finish_run(l, end - i, items + i, room);
  }
}

int64_t *gk_sort_packed(const gk_sort_line *l, int64_t n, int64_t *items, int64_t *room) {
  const int sorted_bytes = l->place_bits / 8;
  int64_t *sorted = l->log2 < 2 && n >= FEW_BYTES
                        ? gk_sort_radix(true, n, items, room, sorted_bytes)
                        : gk_sort_items(true, n, items, room, sorted_bytes);
  if (sorted != items && l->shift) {
    memcpy(items, sorted, (size_t)n * sizeof *items);
    sorted = items;
  }
  finish(l, n, sorted, room); // where it does something, the items lie where they were
  return sorted;
}

int64_t *gk_sort_places(gk_sort_line *l, int64_t *room) {
  gk_sort_measure(l);
  int64_t *other = room + l->n;
  gk_sort_pack(l, 0, l->n, room);
  int64_t *items = gk_sort_packed(l, l->n, room, other);
  int64_t *places = items == room ? other : room;
  gk_sort_kernels()->places(l->n, items, l->place_bits, places);
  return places;
}
