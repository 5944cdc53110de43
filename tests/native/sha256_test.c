// SHA-256: the standard's vectors, and every way to cut a message.
#include "test.h"

#include "../../csrc/core/sha256.h"

static void expect(const void *data, size_t bytes, const char *hex) {
  gk_sha256 hash;
  uint8_t digest[GK_SHA256_BYTES];
  char text[2 * GK_SHA256_BYTES + 1];
  gk_sha256_begin(&hash);
  gk_sha256_add(&hash, data, bytes);
  gk_sha256_end(&hash, digest);
  for (int i = 0; i < GK_SHA256_BYTES; i++) snprintf(text + 2 * i, 3, "%02x", digest[i]);
  CHECKF(!strcmp(text, hex), "%zu bytes: %s, not %s", bytes, text, hex);
}

static void vectors(void) {
  static char as[1000000];
  memset(as, 'a', sizeof as);
  expect("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  expect("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  expect(as, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  expect(as, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
  expect(as, sizeof as, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// In two pieces it is what it is in one, at every length up to three blocks.
static void pieces(void) {
  uint8_t data[192], whole[GK_SHA256_BYTES], parts[GK_SHA256_BYTES];
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)test_random();
  for (size_t n = 0; n <= sizeof data; n++) {
    gk_sha256 hash;
    gk_sha256_begin(&hash);
    gk_sha256_add(&hash, data, n);
    gk_sha256_end(&hash, whole);
    for (size_t cut = 0; cut <= n; cut++) {
      gk_sha256_begin(&hash);
      gk_sha256_add(&hash, data, cut);
      gk_sha256_add(&hash, data + cut, n - cut);
      gk_sha256_end(&hash, parts);
      CHECKF(!memcmp(whole, parts, sizeof whole), "%zu bytes cut at %zu", n, cut);
    }
  }
}

int main(void) {
  vectors();
  pieces();
  return test_done();
}
