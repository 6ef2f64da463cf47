// 2-D convolution in f32 as a product of matrices that is never gathered in memory.
//
//   y[i][o][q] = min(max( sum_k wt[k][o] * A[k][i, q] + bias[o] , low), high)
//   i = the image, q = the output pixel of it, o = the output channel;
//   k = (input channel, filter row, filter column);
//   A[k][i, q] = the input under the tap k of pixel q, zero outside of the image.
//
// x is N x C x H x W, y is N x O x OH x OW. Both have fewer than 2^31 values.
//
// Deterministic: each output value belongs to one thread, which adds its terms one by one in
// order of k. Neither the number of images, nor the place of an image, nor the tile has a part
// in that order.
//
// Weights: packed from OIHW to wt[k rounded up to 8][o rounded up to 128], zero beyond both.
//
// No includes: NVRTC compiles it. GPUs before sm_80 copy without cp.async. The host adds the line
// CONV_F32_KERNEL(...) of the kernel that it needs (direct.rs).

typedef unsigned int u32;

// Address in the shared window, for cp.async.
__device__ __forceinline__ u32 shared_at(const void *p) {
  u32 a;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(a) : "l"(p));
  return a;
}

// 4 bytes global -> shared; zero if `bytes` is 0. The L1 cache keeps them for the next taps.
__device__ __forceinline__ void copy4(u32 dst, const float *src, u32 bytes) {
#if __CUDA_ARCH__ < 800
  asm volatile("st.shared.f32 [%0], %1;" :: "r"(dst), "f"(bytes ? *src : 0.f) : "memory");
#else
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
               :: "r"(dst), "l"(src), "r"(bytes) : "memory");
#endif
}
// 16 bytes. They bypass L1.
__device__ __forceinline__ void copy16(u32 dst, const float *src) {
#if __CUDA_ARCH__ < 800
  const float4 v = *(const float4 *)src;
  asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};"
               :: "r"(dst), "f"(v.x), "f"(v.y), "f"(v.z), "f"(v.w) : "memory");
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(dst), "l"(src) : "memory");
#endif
}
__device__ __forceinline__ void copies_end() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits until at most N of this thread's groups of copies are still under way.
template <int N> __device__ __forceinline__ void copies_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory");
#endif
}

// A warp computes 32 channels of 8 * TN pixels, a thread 8 of TN. A thread's channels and pixels
// are in groups of 4, between those of the other threads, so that the lanes that read at a time
// read different banks.
constexpr int BK = 8, WARP_M = 32;

// A block computes BM channels of BN pixels. Slabs of BK terms lie in STAGES places of shared
// memory; while one is multiplied, the next ones are copied.
template <int BM, int BN, int TN, int STAGES, int R, int S>
__device__ __forceinline__ void convolve(const float *__restrict__ x, const float *__restrict__ wt,
                                         const float *__restrict__ bias, float *__restrict__ y,
                                         int images, int c, int h, int w, int out, int sh, int sw,
                                         int pt, int pl, int oh, int ow, float low,
                                         float high) {
  constexpr int WARP_N = 8 * TN, THREADS = (BM / WARP_M) * (BN / WARP_N) * 32;
  // Pixels of a slab that a thread copies, and terms of each.
  constexpr int PIXELS = BN > THREADS ? BN / THREADS : 1;
  constexpr int TERMS = BK * BN / THREADS / PIXELS;
  constexpr int QUADS = BK * BM / 4;  // of weights
  static_assert(BN % THREADS == 0 || THREADS % BN == 0, "whole pixels");
  __shared__ __align__(16) float sa[STAGES][BK][BM];
  __shared__ __align__(16) float sb[STAGES][BK][BN];

  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int tiles = (out + BM - 1) / BM, columns = (out + 127) / 128 * 128;
  const int o0 = (blockIdx.x % tiles) * BM, n0 = (blockIdx.x / tiles) * BN;
  const int area = oh * ow, pixels = images * area, plane = h * w;
  const int terms = c * R * S, slabs = (terms + BK - 1) / BK;

  // Where this thread's pixels begin, and which rows (bit r) and columns (bit 16 + s) of taps
  // are inside of the image.
  const int first = tid / BN * TERMS;  // its terms
  const float *from[PIXELS];
  u32 inside[PIXELS];
#pragma unroll
  for (int i = 0; i < PIXELS; i++) {
    const int n = n0 + tid % BN + i * THREADS;
    from[i] = x;
    inside[i] = 0;
    if (n < pixels) {
      const int image = n / area, q = n - image * area;
      const int row = q / ow * sh - pt, column = q % ow * sw - pl;
      from[i] += (long long)image * c * plane + (long long)row * w + column;
#pragma unroll
      for (int r = 0; r < R; r++) inside[i] |= (row + r >= 0 && row + r < h) ? 1u << r : 0u;
#pragma unroll
      for (int s = 0; s < S; s++)
        inside[i] |= (column + s >= 0 && column + s < w) ? 0x10000u << s : 0u;
    }
  }
  const float *weights = wt + o0;

  auto copy = [&](int slab, int stage) {
#pragma unroll
    for (int i = tid; i < QUADS; i += THREADS) {
      const int k = i / (BM / 4), o = i % (BM / 4) * 4;
      copy16(shared_at(&sa[stage][k][o]), weights + (long long)(slab * BK + k) * columns + o);
    }
#pragma unroll
    for (int t = 0; t < TERMS; t++) {
      const int k = slab * BK + first + t, channel = k / (R * S), tap = k % (R * S);
      const u32 bits = k < terms ? 1u << (tap / S) | 0x10000u << (tap % S) : 0x80000000u;
      const int offset = channel * plane + tap / S * w + tap % S;
#pragma unroll
      for (int i = 0; i < PIXELS; i++) {
        const bool in = (inside[i] & bits) == bits;
        copy4(shared_at(&sb[stage][first + t][tid % BN + i * THREADS]), in ? from[i] + offset : x,
              in ? 4 : 0);
      }
    }
  };

  float sum[8 * TN];
#pragma unroll
  for (int i = 0; i < 8 * TN; i++) sum[i] = 0.f;

  // A group of copies ends for each slab, there or not, so that the count of those under way is
  // right at the end too.
#pragma unroll
  for (int slab = 0; slab < STAGES - 1; slab++) {
    if (slab < slabs) copy(slab, slab);
    copies_end();
  }
  const int m = warp % (BM / WARP_M) * WARP_M + lane / 8 * 4;
  const int n = warp / (BM / WARP_M) * WARP_N + lane % 8 * 4;
  int stage = 0, next = STAGES - 1;
#pragma unroll 1
  for (int slab = 0; slab < slabs; slab++) {
    copies_wait<STAGES - 2>();
    // The slab is there for all threads, and none reads the one before any more.
    __syncthreads();
    if (slab + STAGES - 1 < slabs) copy(slab + STAGES - 1, next);
    copies_end();
#pragma unroll
    for (int k = 0; k < BK; k++) {
      float a[8], b[TN];
#pragma unroll
      for (int i = 0; i < 2; i++)
        *(float4 *)&a[4 * i] = *(const float4 *)&sa[stage][k][m + WARP_M / 2 * i];
#pragma unroll
      for (int j = 0; j < TN / 4; j++)
        *(float4 *)&b[4 * j] = *(const float4 *)&sb[stage][k][n + 32 * j];
#pragma unroll
      for (int i = 0; i < 8; i++)
#pragma unroll
        for (int j = 0; j < TN; j++) sum[i * TN + j] = fmaf(a[i], b[j], sum[i * TN + j]);
    }
    stage = stage + 1 == STAGES ? 0 : stage + 1;
    next = next + 1 == STAGES ? 0 : next + 1;
  }

#pragma unroll
  for (int i = 0; i < 8; i++) {
    const int o = o0 + m + i % 4 + i / 4 * (WARP_M / 2);
    const float add = o < out ? bias[o] : 0.f;
#pragma unroll
    for (int j = 0; j < TN; j++) sum[i * TN + j] += add;
  }
#pragma unroll
  for (int i = 0; i < 8 * TN; i++) sum[i] = sum[i] < low ? low : sum[i] > high ? high : sum[i];

  // Four pixels that lie side by side go out at once where their places allow it.
  const bool quads = area % 4 == 0;
#pragma unroll
  for (int group = 0; group < TN / 4; group++) {
    const int at = n0 + n + group * 32;
    int place[4];  // of each pixel, in the first channel of its image
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int image = (at + j) / area;
      place[j] = image * out * area + (at + j - image * area);
    }
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const int o = o0 + m + i % 4 + i / 4 * (WARP_M / 2);
      if (o >= out) continue;
      const float *v = &sum[i * TN + group * 4];
      float *to = y + o * area;
      if (quads) {
        if (at < pixels) *(float4 *)(to + place[0]) = make_float4(v[0], v[1], v[2], v[3]);
      } else {
#pragma unroll
        for (int j = 0; j < 4; j++)
          if (at + j < pixels) to[place[j]] = v[j];
      }
    }
  }
}

// Blocks of BM channels of BN pixels, TN pixels a thread, stages, taps of R x S. With 4096 / TN
// threads on a multiprocessor, each has enough registers.
#define CONV_F32_THREADS(BM, BN, TN) ((BM / WARP_M) * (BN / (8 * TN)) * 32)
#define CONV_F32_KERNEL(BM, BN, TN, STAGES, R, S)                                               \
  extern "C" __global__ void __launch_bounds__(                                                 \
      CONV_F32_THREADS(BM, BN, TN), 4096 / TN / CONV_F32_THREADS(BM, BN, TN))                   \
      convolution(const float *x, const float *wt, const float *bias, float *y, int images,     \
                  int c, int h, int w, int out, int sh, int sw, int pt, int pl, int oh, int ow, \
                  float low, float high) {                                                      \
    convolve<BM, BN, TN, STAGES, R, S>(x, wt, bias, y, images, c, h, w, out, sh, sw, pt, pl,    \
                                       oh, ow, low, high);                                      \
  }
