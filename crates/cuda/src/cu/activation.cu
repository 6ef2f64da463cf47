// The activations, in the order of `number_of` in pointwise.rs. Comparisons are written so
// that NaN stays NaN.
__device__ __forceinline__ float relu(float x) { return x < 0.f ? 0.f : x; }
__device__ __forceinline__ float relu6(float x) { return x < 0.f ? 0.f : x > 6.f ? 6.f : x; }
__device__ __forceinline__ float sigmoid(float x) { return 1.f / (1.f + expf(-x)); }
__device__ __forceinline__ float hard_sigmoid(float x) {
  return (x < -3.f ? 0.f : x > 3.f ? 6.f : x + 3.f) / 6.f;
}

// The activation of all values of a thread. The switch is taken once for all of them.
template <int N> __device__ __forceinline__ void activate(float (&v)[N], int activation) {
#define EACH(f)                       \
  _Pragma("unroll") for (int i = 0; i < N; i++) { \
    const float x = v[i];             \
    v[i] = f;                         \
  }
  switch (activation) {
    case 1: EACH(relu(x)) break;
    case 2: EACH(relu6(x)) break;
    case 3: EACH(x / (1.f + expf(-x))) break;
    case 4: EACH(x * hard_sigmoid(x)) break;
    case 5: EACH(sigmoid(x)) break;
    case 6: EACH(hard_sigmoid(x)) break;
  }
#undef EACH
}

