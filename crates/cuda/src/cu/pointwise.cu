// Kernels that treat each value or channel alone. Each value of a result belongs to one thread, which sums in one
// order. So the bits of an image don't depend on its batch.
//
// Maps are N x C x H x W, or N x H x W x C where LAST is set. They have fewer than 2^31
// values.

// y = activation(y + bias), in place; bias may be null. `inner` values of a channel lie side
// by side.
extern "C" __global__ void bias_activation(float *y, const float *bias, unsigned values,
                                           unsigned inner, unsigned channels, int activation) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= values) return;
  float v[1] = {y[i] + (bias ? bias[i / inner % channels] : 0.f)};
  activate(v, activation);
  y[i] = v[0];
}

// y = activation(a + b). A thread takes four values.
extern "C" __global__ void add_activation(const float *__restrict__ a, const float *__restrict__ b,
                                          float *__restrict__ y, unsigned values, int activation) {
  const unsigned i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
  float v[4];
#pragma unroll
  for (int j = 0; j < 4; j++) v[j] = i + j < values ? a[i + j] + b[i + j] : 0.f;
  activate(v, activation);
#pragma unroll
  for (int j = 0; j < 4; j++)
    if (i + j < values) y[i + j] = v[j];
}

// Rows of a result that a thread computes, one below the other, and threads of a block.
constexpr int ROWS = 4, THREADS = 256;

// Every channel convolved alone, with one kernel of KH x KW a channel, then bias and activation.
// `blocks` is the number of threads that share a column. The taps are C x KH x KW, or KH x KW x C
// if LAST.
template <int KH, int KW, int SH, int SW, bool LAST>
__device__ __forceinline__ void depthwise_rows(const float *__restrict__ x,
                                               const float *__restrict__ kernel,
                                               const float *__restrict__ bias,
                                               float *__restrict__ y, unsigned threads,
                                               unsigned blocks, unsigned c, int h, int w, int pt,
                                               int pl, unsigned oh, unsigned ow, int activation) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= threads) return;
  // The place of this thread's values: image, channel, the first row, and column.
  unsigned ch, column;
  if (LAST) {
    ch = i % c;
    i /= c;
    column = i % ow;
    i /= ow;
  } else {
    column = i % ow;
    i /= ow;
  }
  const unsigned first = i % blocks * ROWS;
  i /= blocks;
  if (!LAST) {
    ch = i % c;
    i /= c;
  }
  const unsigned image = i;
  const int pixel = LAST ? c : 1;  // from a column to the next
  const float *from = x + (size_t)image * c * h * w + (LAST ? ch : (size_t)ch * h * w);
  const int row0 = (int)first * SH - pt, column0 = (int)column * SW - pl;
  float taps[KH][KW], sum[ROWS];
#pragma unroll
  for (int r = 0; r < KH; r++)
#pragma unroll
    for (int s = 0; s < KW; s++)
      taps[r][s] = kernel[LAST ? (r * KW + s) * c + ch : (ch * KH + r) * KW + s];
#pragma unroll
  for (int o = 0; o < ROWS; o++) sum[o] = bias[ch];
  // Each row of the maps is read once, for all rows of the result that it is a part of.
#pragma unroll
  for (int at = 0; at < (ROWS - 1) * SH + KH; at++) {
    const int row = row0 + at;
    float v[KW];
#pragma unroll
    for (int s = 0; s < KW; s++) {
      const int col = column0 + s;
      const bool inside = row >= 0 && row < h && col >= 0 && col < w;
      v[s] = inside ? from[(row * w + col) * pixel] : 0.f;
    }
#pragma unroll
    for (int o = 0; o < ROWS; o++) {
      const int r = at - o * SH;
      if (r < 0 || r >= KH) continue;
#pragma unroll
      for (int s = 0; s < KW; s++) sum[o] = fmaf(v[s], taps[r][s], sum[o]);
    }
  }
  activate(sum, activation);
  float *to = y + (size_t)image * c * oh * ow + (LAST ? ch : (size_t)ch * oh * ow);
#pragma unroll
  for (int o = 0; o < ROWS; o++)
    if (first + o < oh) to[((first + o) * ow + column) * pixel] = sum[o];
}

#define DEPTHWISE_KERNEL(KH, KW, SH, SW, LAST)                                                    \
  extern "C" __global__ void __launch_bounds__(THREADS)                                           \
      depthwise(const float *x, const float *kernel, const float *bias, float *y,                 \
                unsigned threads, unsigned blocks, unsigned c, int h, int w, int pt, int pl,      \
                unsigned oh, unsigned ow, int activation) {                                       \
    depthwise_rows<KH, KW, SH, SW, LAST>(x, kernel, bias, y, threads, blocks, c, h, w, pt, pl,    \
                                         oh, ow, activation);                                     \
  }

// N x C x H x W to N x H x W x D, where D is at least C: zeros in the other channels, and values
// rounded to TF32, to nearest. One thread a pixel.
extern "C" __global__ void channels_last(const float *__restrict__ x, float *__restrict__ y,
                                         unsigned pixels, int c, int d, unsigned area) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= pixels) return;
  const unsigned image = i / area, at = i % area;
  for (int ch = 0; ch < d; ch++) {
    float v = 0.f;
    if (ch < c) {
      const float from = x[((size_t)image * c + ch) * area + at];
      // Half of the last bit is added, and the 13 bits below it go. NaN and infinity stay.
      const unsigned bits = __float_as_uint(from);
      v = isfinite(from) ? __uint_as_float((bits + 0x1000) & ~0x1fffu) : from;
    }
    y[(size_t)i * d + ch] = v;
  }
}
