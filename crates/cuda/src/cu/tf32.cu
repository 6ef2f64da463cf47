// Direct (implicit GEMM) 2-D convolution in TF32 on tensor cores.
//
// y[m][o] = act( sum_k A[m][k] * W[o][k]  + bias[o]  + res[m][o] )
//   m = (image, p, q), the output pixel, in NHWC order;
//   k = the filter position and the input channel (order: see "Weights").
// A is never stored: its 16-byte pieces (4 channels of one input pixel) are
// copied from the NHWC input into shared memory by cp.async, which also writes
// the zeros of the padding.
//
// Deterministic: each output value belongs to one thread, which adds its terms
// in order of k in steps of 8 (one mma). No split-K, no atomics. The number of
// images, the place of an image and the tile have no part in that order, so the
// bits don't depend on them, and the host may choose the tile freely.
//
// No includes: NVRTC compiles it, for sm_80 and newer. The wgmma kernels need sm_90a.
// The host adds the line CONV_TF32_KERNEL(...) or CONV_TF32_WG_KERNEL(...) of the kernel
// that it needs (convolution_tf32.rs).
//
// Weights: packed from OIHW to wt[rows][kpad]:
//   wt[o][k],  k = ((r*(C/cb) + c/cb)*S + s)*cb + c%cb,
//   kpad = R*S*C rounded up to 32,  rows = cout rounded up to 256,
// zero beyond R*S*C and cout, each value rounded to TF32. cb (a multiple of 4 that divides
// C) is the length of a channel block: cb = C gives the plain order (tap,
// channel). cb = 32 goes through the taps of one filter row before it goes to the
// next 32 channels, so that the L1 cache holds the pixels that neighbouring taps
// share. cb is part of the order of summation: keep it fixed for a layer.
//
// Rounding: the tensor core ignores the low 13 bits of a TF32 operand (that would
// be truncation, which is biased). The mma kernels round what they read from shared
// memory to nearest (cvt.rna). The wgmma kernels read rounded values: the flag ROUND_OUT
// of the layer before rounds what it stores; max pooling and ReLU keep that. Both give
// the same bits.
//
// Limits: C a multiple of 4, cout even (8 or more for speed), R and S <= 15, fewer
// than 2^31 elements in the input and fewer than 2^31 output pixels, 16-byte
// aligned x and w, 8-byte aligned y and res.

// Arguments of every kernel. x: NHWC input. wt: packed weights.
// bias: [cout] or null. res: NHWC, like y, or null, added before the ReLU.
// pt, pl: padding at the top and left; the padding below and right follows from
// oh, ow (the output's height and width). flags: 1 = ReLU, 2 = ROUND_OUT.
#define CONV_TF32_PARAMS                                                        \
  const float *__restrict__ x, const float *__restrict__ wt,                    \
      const float *__restrict__ bias, const float *res, float *y, int n, int h, \
      int w, int c, int cout, int r, int s, int sh, int sw, int pt, int pl,     \
      int oh, int ow, int cb, int kpad, int flags
#define CONV_TF32_ARGS \
  x, wt, bias, res, y, n, h, w, c, cout, r, s, sh, sw, pt, pl, oh, ow, cb, kpad, flags

typedef unsigned int u32;

// ---- Instructions ----------------------------------------------------------
extern __shared__ __align__(1024) unsigned char conv_smem[];

// Address in the shared window, for ldmatrix, cp.async and wgmma.
__device__ __forceinline__ u32 smem_u32(const void *p) {
  u32 a;
  asm("{ .reg .u64 t; cvta.to.shared.u64 t, %1; cvt.u32.u64 %0, t; }" : "=r"(a) : "l"(p));
  return a;
}

// 16 bytes global -> shared; bytes beyond `bytes` (0 or 16) become zeros.
// .ca keeps the line in L1 (pixels are read again by the next taps).
__device__ __forceinline__ void cp16_ca(u32 dst, const float *src, u32 bytes) {
  asm volatile("cp.async.ca.shared.global.L2::128B [%0], [%1], 16, %2;"
               :: "r"(dst), "l"(src), "r"(bytes) : "memory");
}
// .cg passes by L1 (weights: each CTA reads each value once).
__device__ __forceinline__ void cp16_cg(u32 dst, const float *src, u32 bytes) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;"
               :: "r"(dst), "l"(src), "r"(bytes) : "memory");
}
__device__ __forceinline__ void cp_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most N of this thread's groups are still under way.
template <int N> __device__ __forceinline__ void cp_wait() {
  asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory");
}
__device__ __forceinline__ void cta_sync() { __syncthreads(); }

// Four 8x8 matrices of b16 = four 8x4 matrices of f32: lane l gets element
// [l/4][l%4] of each (PTX ISA, "Warp-level matrix load instruction: ldmatrix").
// Lanes 8j..8j+7 give the addresses of the rows of matrix j.
__device__ __forceinline__ void ldsm4(u32 &d0, u32 &d1, u32 &d2, u32 &d3, u32 addr) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d0), "=r"(d1), "=r"(d2), "=r"(d3) : "r"(addr) : "memory");
}

// d += a * b (PTX ISA, "Matrix Fragments for mma.m16n8k8", type .tf32), lane l:
//   a0 A[l/4][l%4]  a1 A[l/4+8][l%4]  a2 A[l/4][l%4+4]  a3 A[l/4+8][l%4+4]
//   b0 B[l%4][l/4]  b1 B[l%4+4][l/4]
//   d0, d1 D[l/4][2*(l%4) + 0, 1]     d2, d3 D[l/4+8][2*(l%4) + 0, 1]
__device__ __forceinline__ void mma(float (&d)[4], const u32 (&a)[4], const u32 (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
               "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Round to TF32, to nearest, ties away from zero; NaN stays NaN.
__device__ __forceinline__ u32 to_tf32(u32 v) {
  u32 d;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(d) : "f"(__uint_as_float(v)));
  return d;
}

// ---- Loading ---------------------------------------------------------------
// One slab is BK consecutive k of the tile: BM rows of A, then BN rows of W, each
// row BK floats. A row's 16-byte chunk j lies at place j ^ swz(row), so that the 8
// rows that one ldmatrix (or one wgmma) reads at a time lie in different banks.
// With BK = 32 (128-byte rows) this is the 128-byte swizzle of wgmma.
template <int BK> __device__ __forceinline__ int swz(int row) {
  return BK == 32 ? (row & 7) : ((row >> 1) & 3);
}

// What a thread copies: chunk `col` of rows row0, row0+RPP, ... of each slab.
template <int BM, int BN, int BK, int THREADS> struct Loader {
  static constexpr int CPR = BK / 4;         // chunks in a row
  static constexpr int RPP = THREADS / CPR;  // rows copied in one pass
  static constexpr int A_CH = BM / RPP, B_CH = BN / RPP;
  static constexpr int STAGE = (BM + BN) * BK * 4;  // bytes
  static_assert(BK == 16 || BK == 32, "swz");
  static_assert(RPP % 8 == 0 && BM % RPP == 0 && BN % RPP == 0, "rows must divide");

  const float *x, *wp;
  int off[A_CH];  // element offset in x of the pixel under tap (0,0), channel 0
  u32 ok[A_CH];   // bit r: input row of tap r exists; bit 16+s: column of tap s
  u32 dst;        // where chunk 0 goes, in stage 0
  int bstep;      // RPP rows of weights, in elements
  int tap_off;    // element offset from tap (0,0), channel 0 to the next slab's chunk
  // The next slab's place in k: filter row, filter column, channel block, channel.
  int fr, fs, cblk, ci;
  u32 tap;  // the bits of `ok` that this tap needs

  __device__ __forceinline__ void settle(int w, int c, int cb, int r, int s) {
    while (ci >= cb) {
      ci -= cb;
      if (++fs == s) {
        fs = 0;
        cblk += cb;
        if (cblk >= c) { cblk = 0; ++fr; }
      }
    }
    // Beyond the last tap (k >= R*S*C): bit 31 is never set in `ok`, so zeros.
    tap = fr < r ? (1u << fr) | (0x10000u << fs) : 0x80000000u;
    tap_off = (fr * w + fs) * c + cblk + ci;
  }

  __device__ __forceinline__ void init(CONV_TF32_PARAMS, int m0, int n0, u32 smem, int tid) {
    const int col = tid % CPR, row0 = tid / CPR;
    const int pq = oh * ow, mtot = n * pq;
#pragma unroll
    for (int i = 0; i < A_CH; i++) {
      const int m = m0 + row0 + i * RPP;
      off[i] = 0;
      ok[i] = 0;
      if (m < mtot) {
        const int img = m / pq, rem = m - img * pq, p = rem / ow, q = rem - p * ow;
        const int h0 = p * sh - pt, w0 = q * sw - pl;
        off[i] = ((img * h + h0) * w + w0) * c;
        // Taps lo..hi-1 fall inside the input.
        const int rlo = min(max(-h0, 0), r), rhi = min(max(h - h0, 0), r);
        const int slo = min(max(-w0, 0), s), shi = min(max(w - w0, 0), s);
        ok[i] = (((1u << rhi) - 1) & ~((1u << rlo) - 1)) |
                ((((1u << shi) - 1) & ~((1u << slo) - 1)) << 16);
      }
    }
    this->x = x;
    wp = wt + (long long)(n0 + row0) * kpad + col * 4;
    bstep = RPP * kpad;
    dst = smem + row0 * (BK * 4) + ((col ^ swz<BK>(row0)) << 4);
    fr = fs = cblk = 0;
    ci = col * 4;
    settle(w, c, cb, r, s);
  }

  // Copies chunk i of A of the next slab; RPP is a multiple of 8, so swz is the
  // same for all rows of a thread.
  __device__ __forceinline__ void load_a(int i, u32 stage) {
    const bool in = (ok[i] & tap) == tap;
    const int o = in ? off[i] + tap_off : 0;
    cp16_ca(dst + stage + i * (RPP * BK * 4), x + o, in ? 16 : 0);
  }
  __device__ __forceinline__ void load_b(int i, u32 stage) {
    cp16_cg(dst + stage + BM * BK * 4 + i * (RPP * BK * 4), wp + (long long)i * bstep, 16);
  }
  // Part `part` of `parts` of a slab.
  __device__ __forceinline__ void load(int part, int parts, u32 stage) {
#pragma unroll
    for (int i = 0; i < A_CH; i++)
      if (i * parts / A_CH == part) load_a(i, stage);
#pragma unroll
    for (int i = 0; i < B_CH; i++)
      if (i * parts / B_CH == part) load_b(i, stage);
  }
  __device__ __forceinline__ void next(int w, int c, int cb, int r, int s) {
    wp += BK;
    ci += BK;
    settle(w, c, cb, r, s);
  }
};

// ---- Epilogue ----------------------------------------------------------------
// Stores the pair (v0, v1) = columns o, o+1 of row m. low: 0 for ReLU, else -infinity.
__device__ __forceinline__ void store_pair(float v0, float v1, float b0, float b1, int m, int o,
                                           const float *res, float *y, int cout, float low,
                                           bool round_out) {
  const long long at = (long long)m * cout + o;
  v0 += b0;
  v1 += b1;
  if (res) {
    const float2 t = *(const float2 *)(res + at);
    v0 += t.x;
    v1 += t.y;
  }
  v0 = v0 < low ? low : v0;  // written so that NaN stays NaN
  v1 = v1 < low ? low : v1;
  const float r0 = __uint_as_float(to_tf32(__float_as_uint(v0)));
  const float r1 = __uint_as_float(to_tf32(__float_as_uint(v1)));
  v0 = round_out ? r0 : v0;
  v1 = round_out ? r1 : v1;
  float2 out;
  out.x = v0;
  out.y = v1;
  *(float2 *)(y + at) = out;
}

// Stores a thread's accumulators: acc[i][j][0, 1] belong to row m + i*step and the
// columns o + 8*j + 0, 1; acc[i][j][2, 3] to the row 8 below.
template <int MT, int NT>
__device__ __forceinline__ void epilogue(const float (&acc)[MT][NT][4], int m, int step, int o,
                                         int mtot, int cout, const float *bias, const float *res,
                                         float *y, int flags) {
  const float low = (flags & 1) ? 0.f : __uint_as_float(0xff800000u);
  const bool round_out = flags & 2;
  float bs[NT][2];
#pragma unroll
  for (int j = 0; j < NT; j++) {
    const bool in = bias != 0 && o + j * 8 < cout;
    bs[j][0] = in ? bias[o + j * 8] : 0.f;
    bs[j][1] = in ? bias[o + j * 8 + 1] : 0.f;
  }
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int e = 0; e < 2; e++) {
      const int row = m + i * step + e * 8;
      if (row < mtot) {
#pragma unroll
        for (int j = 0; j < NT; j++)
          if (o + j * 8 < cout)
            store_pair(acc[i][j][2 * e], acc[i][j][2 * e + 1], bs[j][0], bs[j][1], row, o + j * 8,
                       res, y, cout, low, round_out);
      }
    }
}

// ---- The mma.sync kernel -------------------------------------------------------
// CTA tile BM x BN, slabs of BK, one warp per WM x WN, STAGES slabs in flight.
// Grid: ceil(M/BM) * ceil(cout/BN), the tile of output channels fastest (CTAs that
// read the same pixels run together). Dynamic shared memory: STAGES*(BM+BN)*BK*4.
template <int BM, int BN, int BK, int WM, int WN, int STAGES>
__device__ __forceinline__ void conv_tf32_mma(CONV_TF32_PARAMS) {
  constexpr int THREADS = (BM / WM) * (BN / WN) * 32;
  typedef Loader<BM, BN, BK, THREADS> L;
  constexpr int KS = BK / 8, MT = WM / 16, NT = WN / 8;
  static_assert(NT % 2 == 0 && STAGES >= 2, "shape");

  const int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  const int wm = warp % (BM / WM), wn = warp / (BM / WM);
  const int ntiles = (cout + BN - 1) / BN;
  const int m0 = (blockIdx.x / ntiles) * BM, n0 = (blockIdx.x % ntiles) * BN;
  const int kt_n = (r * s * c + BK - 1) / BK;  // slabs
  const u32 smem = smem_u32(conv_smem);

  L ld;
  ld.init(CONV_TF32_ARGS, m0, n0, smem, tid);

  // Where this lane's ldmatrix rows lie in stage 0, k-step 0. Matrices of A: rows
  // 0-7, rows 8-15, then the same with k 4-7 (= a0..a3). Matrices of W: channels
  // 0-7 with k 0-3, k 4-7 (= b0, b1), then the next 8 channels. K-step ks is chunk
  // 2*ks + (0 or 1); all other address bits lie above the chunk's, so the swizzled
  // place is an xor with 32*ks.
  const int ar = wm * WM + (lane & 15), ah = lane >> 4;
  const int br = wn * WN + (lane & 7) + ((lane >> 4) << 3), bh = (lane >> 3) & 1;
  const u32 a_at = smem + ar * (BK * 4) + ((ah ^ swz<BK>(ar)) << 4);
  const u32 b_at = smem + BM * BK * 4 + br * (BK * 4) + ((bh ^ swz<BK>(br)) << 4);

  float acc[MT][NT][4];
#pragma unroll
  for (int i = 0; i < MT; i++)
#pragma unroll
    for (int j = 0; j < NT; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) acc[i][j][e] = 0.f;

  // Fill all stages but one. A group is committed for each stage, empty or not, so
  // that the count in cp_wait is right at the end too.
#pragma unroll
  for (int t = 0; t < STAGES - 1; t++) {
    if (t < kt_n) {
      ld.load(0, 1, t * L::STAGE);
      ld.next(w, c, cb, r, s);
    }
    cp_commit();
  }
  cp_wait<STAGES - 2>();
  cta_sync();

  u32 a[2][MT][4], b[2][NT][2];  // fragments of this k-step and the next
  auto fetch = [&](int buf, u32 stage, int ks) {
#pragma unroll
    for (int i = 0; i < MT; i++)
      ldsm4(a[buf][i][0], a[buf][i][1], a[buf][i][2], a[buf][i][3],
            ((a_at + stage) ^ (ks << 5)) + i * (16 * BK * 4));
#pragma unroll
    for (int j = 0; j < NT; j += 2)
      ldsm4(b[buf][j][0], b[buf][j][1], b[buf][j + 1][0], b[buf][j + 1][1],
            ((b_at + stage) ^ (ks << 5)) + j * (8 * BK * 4));
  };
  fetch(0, 0, 0);

  u32 rd = 0, wr = (STAGES - 1) * L::STAGE;  // stages read and written, in bytes
#pragma unroll 1
  for (int kt = 0; kt < kt_n; kt++) {
    const bool more = kt + STAGES - 1 < kt_n;
#pragma unroll
    for (int ks = 0; ks < KS; ks++) {
      if (ks == KS - 1) {
        // The next slab must be there. After this barrier no warp reads this slab
        // any more (its last fragments are in registers): in the next round its
        // stage is written.
        cp_wait<STAGES - 2>();
        cta_sync();
        rd += L::STAGE;
        if (rd == STAGES * L::STAGE) rd = 0;
      }
      // Beyond the last slab this reads a stage of old or no data, never used.
      fetch((ks + 1) & 1, rd, (ks + 1) % KS);
      if (ks < KS - 1) {  // a part of the copies with each k-step
        if (more) ld.load(ks, KS - 1, wr);
        if (ks == KS - 2) {
          cp_commit();
          if (more) ld.next(w, c, cb, r, s);
          wr += L::STAGE;
          if (wr == STAGES * L::STAGE) wr = 0;
        }
      }
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int e = 0; e < 4; e++) a[ks & 1][i][e] = to_tf32(a[ks & 1][i][e]);
#pragma unroll
      for (int i = 0; i < MT; i++)
#pragma unroll
        for (int j = 0; j < NT; j++)
          // back and forth: neighbouring mma share a or b
          mma(acc[i][(i & 1) ? NT - 1 - j : j], a[ks & 1][i], b[ks & 1][(i & 1) ? NT - 1 - j : j]);
    }
  }

  epilogue(acc, m0 + wm * WM + (lane >> 2), 16, n0 + wn * WN + (lane & 3) * 2, n * oh * ow, cout,
           bias, res, y, flags);
}

// name: tile BM x BN, slabs of BK, warps of WM x WN, stages, CTAs per SM.
#define CONV_TF32_KERNEL(name, BM, BN, BK, WM, WN, ST, CTAS)      \
  extern "C" __global__ void __launch_bounds__((BM / WM) * (BN / WN) * 32, CTAS)                \
      name(CONV_TF32_PARAMS) {                                                                  \
    conv_tf32_mma<BM, BN, BK, WM, WN, ST>(CONV_TF32_ARGS);                                 \
  }

// ---- The wgmma kernel (Hopper only, sm_90a) --------------------------------------
// The same tiles, loader and order of k, but each multiplication is one wgmma of a
// warpgroup (4 warps) with both operands in shared memory. It doesn't round: the
// input must be rounded to TF32 (see "Rounding").
#if !defined(__CUDA_ARCH__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
typedef unsigned long long u64;
// Orders register accesses before the next wgmma.
__device__ __forceinline__ void wg_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void wg_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int N> __device__ __forceinline__ void wg_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" :: "n"(N) : "memory");
}
// The compiler must not move a use of an accumulator to before the wait.
__device__ __forceinline__ void wg_keep(float &v) { asm volatile("" : "+f"(v) :: "memory"); }
// cp.async writes through the generic proxy, wgmma reads through the async one.
__device__ __forceinline__ void proxy_fence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
// d (64 x N) += A (64 x 8) * W (N x 8) transposed. Accumulators as for mma (PTX ISA,
// "Register Fragments for wgmma.mma_async.m64nNk8"): warp v of the group has the
// rows 16*v + lane/4 and 8 below, d[j] the columns 8*j + 2*(lane%4) + 0, 1.
template <int N> __device__ void wgmma_n(float (&d)[N / 8][4], u64 da, u64 db);
template <> __device__ __forceinline__ void wgmma_n<64>(float (&d)[8][4], u64 da, u64 db) {
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %34, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n64k8.f32.tf32.tf32 {"
               "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
               "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31"
               "}, %32, %33, p, 1, 1; }"
               : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]),
                 "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]),
                 "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
                 "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]),
                 "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]),
                 "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
                 "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]),
                 "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3])
               : "l"(da), "l"(db), "r"(1));
}
template <> __device__ __forceinline__ void wgmma_n<128>(float (&d)[16][4], u64 da, u64 db) {
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %66, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 {"
               "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
               "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
               "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
               "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63"
               "}, %64, %65, p, 1, 1; }"
               : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]),
                 "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]),
                 "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
                 "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]),
                 "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]),
                 "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
                 "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]),
                 "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]),
                 "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]), "+f"(d[8][3]),
                 "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]),
                 "+f"(d[10][0]), "+f"(d[10][1]), "+f"(d[10][2]), "+f"(d[10][3]),
                 "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),
                 "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]),
                 "+f"(d[13][0]), "+f"(d[13][1]), "+f"(d[13][2]), "+f"(d[13][3]),
                 "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),
                 "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3])
               : "l"(da), "l"(db), "r"(1));
}
template <> __device__ __forceinline__ void wgmma_n<256>(float (&d)[32][4], u64 da, u64 db) {
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %130, 0;\n"
               "wgmma.mma_async.sync.aligned.m64n256k8.f32.tf32.tf32 {"
               "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
               "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
               "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
               "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63,"
               "%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79,"
               "%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95,"
               "%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111,"
               "%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
               "}, %128, %129, p, 1, 1; }"
               : "+f"(d[0][0]), "+f"(d[0][1]), "+f"(d[0][2]), "+f"(d[0][3]),
                 "+f"(d[1][0]), "+f"(d[1][1]), "+f"(d[1][2]), "+f"(d[1][3]),
                 "+f"(d[2][0]), "+f"(d[2][1]), "+f"(d[2][2]), "+f"(d[2][3]),
                 "+f"(d[3][0]), "+f"(d[3][1]), "+f"(d[3][2]), "+f"(d[3][3]),
                 "+f"(d[4][0]), "+f"(d[4][1]), "+f"(d[4][2]), "+f"(d[4][3]),
                 "+f"(d[5][0]), "+f"(d[5][1]), "+f"(d[5][2]), "+f"(d[5][3]),
                 "+f"(d[6][0]), "+f"(d[6][1]), "+f"(d[6][2]), "+f"(d[6][3]),
                 "+f"(d[7][0]), "+f"(d[7][1]), "+f"(d[7][2]), "+f"(d[7][3]),
                 "+f"(d[8][0]), "+f"(d[8][1]), "+f"(d[8][2]), "+f"(d[8][3]),
                 "+f"(d[9][0]), "+f"(d[9][1]), "+f"(d[9][2]), "+f"(d[9][3]),
                 "+f"(d[10][0]), "+f"(d[10][1]), "+f"(d[10][2]), "+f"(d[10][3]),
                 "+f"(d[11][0]), "+f"(d[11][1]), "+f"(d[11][2]), "+f"(d[11][3]),
                 "+f"(d[12][0]), "+f"(d[12][1]), "+f"(d[12][2]), "+f"(d[12][3]),
                 "+f"(d[13][0]), "+f"(d[13][1]), "+f"(d[13][2]), "+f"(d[13][3]),
                 "+f"(d[14][0]), "+f"(d[14][1]), "+f"(d[14][2]), "+f"(d[14][3]),
                 "+f"(d[15][0]), "+f"(d[15][1]), "+f"(d[15][2]), "+f"(d[15][3]),
                 "+f"(d[16][0]), "+f"(d[16][1]), "+f"(d[16][2]), "+f"(d[16][3]),
                 "+f"(d[17][0]), "+f"(d[17][1]), "+f"(d[17][2]), "+f"(d[17][3]),
                 "+f"(d[18][0]), "+f"(d[18][1]), "+f"(d[18][2]), "+f"(d[18][3]),
                 "+f"(d[19][0]), "+f"(d[19][1]), "+f"(d[19][2]), "+f"(d[19][3]),
                 "+f"(d[20][0]), "+f"(d[20][1]), "+f"(d[20][2]), "+f"(d[20][3]),
                 "+f"(d[21][0]), "+f"(d[21][1]), "+f"(d[21][2]), "+f"(d[21][3]),
                 "+f"(d[22][0]), "+f"(d[22][1]), "+f"(d[22][2]), "+f"(d[22][3]),
                 "+f"(d[23][0]), "+f"(d[23][1]), "+f"(d[23][2]), "+f"(d[23][3]),
                 "+f"(d[24][0]), "+f"(d[24][1]), "+f"(d[24][2]), "+f"(d[24][3]),
                 "+f"(d[25][0]), "+f"(d[25][1]), "+f"(d[25][2]), "+f"(d[25][3]),
                 "+f"(d[26][0]), "+f"(d[26][1]), "+f"(d[26][2]), "+f"(d[26][3]),
                 "+f"(d[27][0]), "+f"(d[27][1]), "+f"(d[27][2]), "+f"(d[27][3]),
                 "+f"(d[28][0]), "+f"(d[28][1]), "+f"(d[28][2]), "+f"(d[28][3]),
                 "+f"(d[29][0]), "+f"(d[29][1]), "+f"(d[29][2]), "+f"(d[29][3]),
                 "+f"(d[30][0]), "+f"(d[30][1]), "+f"(d[30][2]), "+f"(d[30][3]),
                 "+f"(d[31][0]), "+f"(d[31][1]), "+f"(d[31][2]), "+f"(d[31][3])
               : "l"(da), "l"(db), "r"(1));
}

// Matrix descriptor (PTX ISA, "Matrix Descriptor Format"): address / 16; leading
// offset (not used by swizzled K-major layouts); stride between groups of 8 rows
// (1024 bytes) / 16 at bit 32; 128-byte swizzle = 1 at bit 62. The swizzle works on
// address bits, so a k-step forward is +32 bytes on the address.
__device__ __forceinline__ u64 wg_desc(u32 addr) {
  return (u64)((addr & 0x3ffff) >> 4) | (1ull << 16) | (64ull << 32) | (1ull << 62);
}

// Two warpgroups, each with MB blocks of 64 rows. Slab kt+AHEAD is copied while slab
// kt is multiplied. AHEAD = STAGES-2: into the stage of slab kt-2, with which both
// warpgroups have finished when the barrier of round kt opens; the multiplications of
// two rounds overlap. AHEAD = STAGES-1: into the stage of slab kt-1, so each round
// waits for its own multiplications (for 2 CTAs per SM, which fill each other's gaps).
template <int MB, int BN, int STAGES, int AHEAD>
__device__ __forceinline__ void conv_tf32_wg(CONV_TF32_PARAMS) {
  constexpr int BM = 128 * MB, BK = 32, PENDING = STAGES - 1 - AHEAD;
  static_assert(AHEAD >= 1 && (PENDING == 0 || PENDING == 1), "stages");
  typedef Loader<BM, BN, BK, 256> L;
  const int tid = threadIdx.x, lane = tid & 31, wg = tid >> 7;
  const int ntiles = (cout + BN - 1) / BN;
  const int m0 = (blockIdx.x / ntiles) * BM, n0 = (blockIdx.x % ntiles) * BN;
  const int kt_n = (r * s * c + BK - 1) / BK;
  // The swizzle needs 1024-byte alignment; the host asks for 1024 bytes more.
  const u32 smem = (smem_u32(conv_smem) + 1023) & ~1023u;

  L ld;
  ld.init(CONV_TF32_ARGS, m0, n0, smem, tid);

  float acc[MB][BN / 8][4];
#pragma unroll
  for (int i = 0; i < MB; i++)
#pragma unroll
    for (int j = 0; j < BN / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) acc[i][j][e] = 0.f;

#pragma unroll
  for (int t = 0; t < AHEAD; t++) {
    if (t < kt_n) {
      ld.load(0, 1, t * L::STAGE);
      ld.next(w, c, cb, r, s);
    }
    cp_commit();
  }

  const u64 da0 = wg_desc(smem + wg * (MB * 64 * 128)), db0 = wg_desc(smem + BM * 128);
  u32 rd = 0, wr = AHEAD * L::STAGE;
#pragma unroll 1
  for (int kt = 0; kt < kt_n; kt++) {
    cp_wait<AHEAD - 1>();  // slab kt is there (this thread's part)
    proxy_fence();
    cta_sync();            // (all parts)
    wg_fence();
#pragma unroll
    for (int ks = 0; ks < BK / 8; ks++)
#pragma unroll
      for (int i = 0; i < MB; i++)
        wgmma_n<BN>(acc[i], da0 + ((rd + i * (64 * 128) + ks * 32) >> 4), db0 + ((rd + ks * 32) >> 4));
    wg_commit();
    if (kt + AHEAD < kt_n) {
      ld.load(0, 1, wr);
      ld.next(w, c, cb, r, s);
    }
    cp_commit();
    wg_wait<PENDING>();  // slab kt-PENDING is done
    rd += L::STAGE;
    if (rd == STAGES * L::STAGE) rd = 0;
    wr += L::STAGE;
    if (wr == STAGES * L::STAGE) wr = 0;
  }
  wg_wait<0>();
#pragma unroll
  for (int i = 0; i < MB; i++)
#pragma unroll
    for (int j = 0; j < BN / 8; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) wg_keep(acc[i][j][e]);
  epilogue(acc, m0 + wg * (MB * 64) + ((tid >> 5) & 3) * 16 + (lane >> 2), 64,
           n0 + (lane & 3) * 2, n * oh * ow, cout, bias, res, y, flags);
}

// name: 256 threads, tile 128*MB x BN, stages, slabs copied ahead, CTAs per SM. Dynamic
// shared memory: STAGES*(128*MB+BN)*128 + 1024.
#define CONV_TF32_WG_KERNEL(name, MB, BN, ST, AHEAD, CTAS)                               \
  extern "C" __global__ void __launch_bounds__(256, CTAS) name(CONV_TF32_PARAMS) {       \
    conv_tf32_wg<MB, BN, ST, AHEAD>(CONV_TF32_ARGS);                                     \
  }
#endif
