// Kernels beside cuDNN's: each value of a result belongs to one thread, which sums in one
// order. So the bits of an image don't depend on its batch.
//
// Maps are N x C x H x W, or N x H x W x C if `last` is set. They have fewer than 2^31
// values.

// The activations, in the order of `number_of` in activation.rs. Comparisons are written so
// that NaN stays NaN.
__device__ __forceinline__ float activate(float x, int activation) {
  switch (activation) {
    case 1: return x < 0.f ? 0.f : x;
    case 2: return x < 0.f ? 0.f : x > 6.f ? 6.f : x;
    case 3: return x / (1.f + expf(-x));
    case 4: return x * ((x < -3.f ? 0.f : x > 3.f ? 6.f : x + 3.f) / 6.f);
    case 5: return 1.f / (1.f + expf(-x));
    case 6: return (x < -3.f ? 0.f : x > 3.f ? 6.f : x + 3.f) / 6.f;
    default: return x;
  }
}

// y = activation(y + bias), in place; bias may be null. `inner` values of a channel lie side
// by side.
extern "C" __global__ void bias_activation(float *y, const float *bias, unsigned values,
                                           unsigned inner, unsigned channels, int activation) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= values) return;
  const float b = bias ? bias[i / inner % channels] : 0.f;
  y[i] = activate(y[i] + b, activation);
}

// Every channel convolved alone, with one kernel of kh x kw a channel, then bias and activation.
extern "C" __global__ void depthwise(const float *__restrict__ x, const float *__restrict__ kernel,
                                     const float *__restrict__ bias, float *__restrict__ y,
                                     unsigned values, int c, int h, int w, int kh, int kw, int sh,
                                     int sw, int pt, int pl, int oh, int ow, int last,
                                     int activation) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= values) return;
  // The place of this value: image, channel, row and column.
  int ch, row, column;
  unsigned image;
  if (last) {
    ch = i % c;
    column = i / c % ow;
    row = i / c / ow % oh;
    image = i / c / ow / oh;
  } else {
    column = i % ow;
    row = i / ow % oh;
    ch = i / ow / oh % c;
    image = i / ow / oh / c;
  }
  const int pixel = last ? c : 1;  // from a column to the next
  const float *from = x + (size_t)image * c * h * w + (last ? ch : (size_t)ch * h * w);
  const float *taps = kernel + ch * kh * kw;
  float sum = bias[ch];
  for (int r = 0; r < kh; r++) {
    const int y0 = row * sh - pt + r;
    if (y0 < 0 || y0 >= h) continue;
    for (int s = 0; s < kw; s++) {
      const int x0 = column * sw - pl + s;
      if (x0 < 0 || x0 >= w) continue;
      sum = fmaf(from[((size_t)y0 * w + x0) * pixel], taps[r * kw + s], sum);
    }
  }
  y[i] = activate(sum, activation);
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
