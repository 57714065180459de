// Timing loops over the peers' own C interfaces, so that no call of Python's
// stands between two rows. Every function makes `calls` calls, the first with
// batch number `start` of `period`, and returns the nanoseconds they took, or
// -1 - i where call number i failed.
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#define LAP(CALL)                                         \
  int64_t began = now();                                  \
  for (int64_t i = 0; i < calls; i++) {                   \
    size_t at = (size_t)((start + i) % period);           \
    if (CALL) return -1 - i;                              \
  }                                                       \
  return now() - began

// OrtApi.Run with inputs and outputs made beforehand; inputs[at * n_in] is the
// first input of batch `at`.
typedef void *(*ort_run)(void *session, const void *options, const char *const *in, const void *const *inputs,
                         size_t n_in, const char *const *out, size_t n_out, void **outputs);

int64_t lap_ort(int64_t start, int64_t calls, int64_t period, ort_run run, void *session, const char *const *in,
                const void *const *inputs, size_t n_in, const char *const *out, size_t n_out, void **outputs) {
  LAP(run(session, NULL, in, inputs + at * n_in, n_in, out, n_out, outputs) != NULL);
}

// XGBoosterPredictFromDense; arrays[at] describes batch `at`.
typedef int (*xgb_dense)(void *booster, const char *array, const char *config, void *proxy, const uint64_t **shape,
                         uint64_t *dim, const float **result);

int64_t lap_xgb_dense(int64_t start, int64_t calls, int64_t period, xgb_dense predict, void *booster,
                      const char *const *arrays, const char *config) {
  const uint64_t *shape;
  const float *result;
  uint64_t dim;
  LAP(predict(booster, arrays[at], config, NULL, &shape, &dim, &result) != 0);
}

// LGBM_BoosterPredictForMatSingleRowFast; rows are doubles.
typedef int (*lgb_single)(void *config, const void *row, int64_t *len, double *out);

int64_t lap_lgb_single(int64_t start, int64_t calls, int64_t period, lgb_single predict, void *config,
                       const double *rows, size_t width) {
  int64_t len;
  double out;
  LAP(predict(config, rows + at * width, &len, &out) != 0);
}

// LGBM_BoosterPredictForMat; type 1 is double.
typedef int (*lgb_mat)(void *booster, const void *rows, int type, int32_t n, int32_t width, int row_major, int kind,
                       int first, int trees, const char *parameters, int64_t *len, double *out);

int64_t lap_lgb_mat(int64_t start, int64_t calls, int64_t period, lgb_mat predict, void *booster, const double *rows,
                    size_t n, size_t width, const char *parameters, double *out) {
  int64_t len;
  LAP(predict(booster, rows + at * n * width, 1, (int32_t)n, (int32_t)width, 1, 0, 0, -1, parameters, &len, out) != 0);
}

// A function that lleaves compiled: rows [first, last) of a table of doubles.
typedef void (*lleaves_root)(const double *rows, double *out, int32_t first, int32_t last);

int64_t lap_lleaves(int64_t start, int64_t calls, int64_t period, lleaves_root root, const double *rows, double *out,
                    int32_t n) {
  LAP((root(rows, out, (int32_t)at * n, (int32_t)(at + 1) * n), 0));
}

// A function that tl2cgen compiled: one row, added to what stands in out.
typedef void (*tl2cgen_predict)(const void *row, int margin, float *out);

int64_t lap_tl2cgen(int64_t start, int64_t calls, int64_t period, tl2cgen_predict predict, const float *rows,
                    size_t width, size_t n, float *out) {
  int64_t began = now();
  for (int64_t i = 0; i < calls; i++) {
    size_t at = (size_t)((start + i) % period);
    memset(out, 0, n * sizeof *out);
    for (size_t r = 0; r < n; r++) predict(rows + (at * n + r) * width, 0, out + r);
  }
  return now() - began;
}
