/* exp, sigmoid and SiLU on vectors, without a call: llvm.exp would become one
 * libm call per lane.
 *
 * exp(x) = 2^n * 2^r with n = round(x * log2(e)) and |r| <= 1/2. Adding and
 * subtracting 1.5 * 2^23 rounds and leaves n in the low bits. log2(e) is split
 * in two so that r keeps its bits for large n. 2^r is a degree-5 minimax
 * polynomial (Remez on the relative error, 7.5e-8). 2^n is scaled by as the
 * target does it.
 *
 * Without FMA, x * log2(e) - n would lose the bits that count, and ln(2) is
 * what is split.
 *
 * Bound, sampled by tests/test_silu.c, for finite x: SiLU is within 4.7 ulp of
 * exact for x >= -87 (the worst of every 13th float: 4.6 without FMA, 4.07 with
 * AVX2, 4.52 with AVX-512), and within 1.7e-38 * |x| below, where the
 * exponential is clamped.
 */

#include "codegen/emit.h"

#define EXP_CLAMP   87.0f /* exp(87) < FLT_MAX / 4: 1 + exp stays finite */
#define LOG2E_HI    1.4426950216293335f
#define LOG2E_LO    1.925963033500011e-08f
#define LN2_HI      0.693359375f /* 9 bits: n * LN2_HI is exact */
#define LN2_LO      (-2.12194440e-4f)
#define ROUND_MAGIC 12582912.0f /* 1.5 * 2^23 */

static const float exp2_coefficients[] = {
    1.0000001192092896f,  0.6931469440460205f,   0.24022120237350464f,
    0.05550713092088699f, 0.009675540961325169f, 0.0013276472454890609f,
};

/* -a * log2(e) - n. */
static LLVMValueRef fraction(struct yt_emit *e, LLVMValueRef a, LLVMValueRef n)
{
    LLVMValueRef hi = yt_emit_splat(e, -LOG2E_HI);
    if (e->isa->can & YT_CAN_FMA) {
        LLVMValueRef r = yt_emit_fma(e, a, hi, LLVMBuildFNeg(e->b, n, ""));
        return yt_emit_fma(e, a, yt_emit_splat(e, -LOG2E_LO), r);
    }
    LLVMValueRef whole = yt_emit_fmul(e, n, yt_emit_splat(e, -LN2_HI));
    LLVMValueRef rest = yt_emit_fmul(e, n, yt_emit_splat(e, -LN2_LO));
    return yt_emit_fmul(e, yt_emit_fsub(e, yt_emit_fsub(e, a, whole), rest),
                        hi);
}

LLVMValueRef yt_emit_exp_of_minus(struct yt_emit *e, LLVMValueRef x)
{
    LLVMValueRef a = e->words.clamp(e, x, EXP_CLAMP);
    LLVMValueRef magic = yt_emit_splat(e, ROUND_MAGIC);
    LLVMValueRef z = yt_emit_fma(e, a, yt_emit_splat(e, -LOG2E_HI), magic);
    LLVMValueRef n = yt_emit_fsub(e, z, magic);
    LLVMValueRef r = fraction(e, a, n);
    const int top = (int)(sizeof exp2_coefficients / sizeof(float)) - 1;
    LLVMValueRef p = yt_emit_splat(e, exp2_coefficients[top]);
    for (int i = top - 1; i >= 0; i--)
        p = yt_emit_fma(e, p, r, yt_emit_splat(e, exp2_coefficients[i]));
    return e->words.scale(e, p, n, z);
}

LLVMValueRef yt_emit_sigmoid(struct yt_emit *e, LLVMValueRef x)
{
    LLVMValueRef one = yt_emit_splat(e, 1.0f);
    return e->words.divide(e, one,
                           yt_emit_fadd(e, yt_emit_exp_of_minus(e, x), one));
}

LLVMValueRef yt_emit_silu(struct yt_emit *e, LLVMValueRef x)
{
    LLVMValueRef one = yt_emit_splat(e, 1.0f);
    return e->words.divide(e, x,
                           yt_emit_fadd(e, yt_emit_exp_of_minus(e, x), one));
}

/* --------------------------------------------------------------- coarse */

/* Around a byte's outputs a step is some thousandths at least. So one parabola
 * for each 2/3 of x will do, found by the low bits that rounding leaves behind:
 * parabola i of 32 (by its last five bits) is best from (i - 1/2) * 2/3 to
 * (i + 1/2) * 2/3. Beyond 9.67, y = x; below -9.67, y = 0. Fitted by Remez;
 * within 8e-4 of SiLU everywhere (tests/test_silu_coarse.c). */
#define SEGMENTS_PER_UNIT 1.5f
#define SEGMENTS_CLAMP    10.0f

static const float silu_constant[] = {6.34177777e-05f,
                                      -0.00878459308f,
                                      -0.10744343f,
                                      -0.310833693f,
                                      -0.494286358f,
                                      -0.570441544f,
                                      -0.544642746f,
                                      -0.461445093f,
                                      -0.360851169f,
                                      -0.266618282f,
                                      -0.188850075f,
                                      -0.129457206f,
                                      -0.0864432752f,
                                      -0.0564861074f,
                                      -0.0362450778f,
                                      0.0f,
                                      0.0f,
                                      0.0f,
                                      -0.0362450778f,
                                      -0.0564861074f,
                                      -0.0864432752f,
                                      -0.129457206f,
                                      -0.188850075f,
                                      -0.266618282f,
                                      -0.360851169f,
                                      -0.461445093f,
                                      -0.544642746f,
                                      -0.570441544f,
                                      -0.494286358f,
                                      -0.310833693f,
                                      -0.10744343f,
                                      -0.00878459308f};
static const float silu_linear[] = {
    0.5f,           0.541430414f,   0.736367285f,    0.983873963f,
    1.14451909f,    1.19701445f,    1.18351817f,     1.14518988f,
    1.10486579f,    1.0715009f,     1.04685748f,     1.02982914f,
    1.0185703f,     1.01135731f,    1.00684547f,     1.0f,
    0.0f,           0.0f,           -0.00684542861f, -0.011357341f,
    -0.0185703337f, -0.0298291985f, -0.0468574613f,  -0.0715009347f,
    -0.104865797f,  -0.145189837f,  -0.183518216f,   -0.197014406f,
    -0.14451912f,   0.0161260497f,  0.263632715f,    0.458569616f};
static const float silu_square[] = {0.247139856f,
                                    0.198819578f,
                                    0.101695821f,
                                    0.0261637103f,
                                    -0.00905119162f,
                                    -0.018098617f,
                                    -0.0163360108f,
                                    -0.0119195655f,
                                    -0.00787703041f,
                                    -0.0049228468f,
                                    -0.00297013531f,
                                    -0.00174939132f,
                                    -0.00101253169f,
                                    -0.000578296545f,
                                    -0.000326832844f,
                                    0.0f,
                                    0.0f,
                                    0.0f,
                                    -0.000326832844f,
                                    -0.000578296545f,
                                    -0.00101253169f,
                                    -0.00174939132f,
                                    -0.00297013531f,
                                    -0.0049228468f,
                                    -0.00787703041f,
                                    -0.0119195655f,
                                    -0.0163360108f,
                                    -0.018098617f,
                                    -0.00905119162f,
                                    0.0261637103f,
                                    0.101695821f,
                                    0.198819578f};

/* Around 16 bits' outputs a step is smaller by far: cubics, each for 4/5 of x,
 * up to 11.6. Within 1.1e-4 of SiLU everywhere. */
#define CUBICS_PER_UNIT 1.25f
#define CUBICS_CLAMP    12.0f

static const float cubic_constant[] = {6.50973743e-05f,
                                       0.00295987679f,
                                       -0.0224937312f,
                                       -0.219274059f,
                                       -0.499463618f,
                                       -0.668693542f,
                                       -0.680642188f,
                                       -0.589778483f,
                                       -0.460535288f,
                                       -0.334374815f,
                                       -0.229975089f,
                                       -0.151623696f,
                                       -0.0966072455f,
                                       -0.0598325916f,
                                       -0.0361784063f,
                                       0.0f,
                                       0.0f,
                                       0.0f,
                                       -0.0361784063f,
                                       -0.0598325916f,
                                       -0.0966072455f,
                                       -0.151623696f,
                                       -0.229975089f,
                                       -0.334374815f,
                                       -0.460535288f,
                                       -0.589778483f,
                                       -0.680642188f,
                                       -0.668693542f,
                                       -0.499463618f,
                                       -0.219274059f,
                                       -0.0224937312f,
                                       0.00295987679f};
static const float cubic_linear[] = {
    0.5f,           0.481192112f,   0.533755898f,    0.827207208f,
    1.13224816f,    1.27691591f,    1.28651905f,     1.23439002f,
    1.16965377f,    1.11380339f,    1.07243216f,     1.04433799f,
    1.02632761f,    1.01525342f,    1.00865889f,     1.0f,
    0.0f,           0.0f,           -0.00865887105f, -0.0152534051f,
    -0.0263276063f, -0.0443379991f, -0.0724321231f,  -0.113803424f,
    -0.169653758f,  -0.234389976f,  -0.286519051f,   -0.276915878f,
    -0.132248163f,  0.172792822f,   0.466244102f,    0.518807888f};
static const float cubic_square[] = {0.246719152f,
                                     0.294341683f,
                                     0.259403706f,
                                     0.112617247f,
                                     0.00155658368f,
                                     -0.0397347994f,
                                     -0.0422547497f,
                                     -0.0322769582f,
                                     -0.0214605425f,
                                     -0.0132143311f,
                                     -0.00774700101f,
                                     -0.00438789604f,
                                     -0.00242197444f,
                                     -0.0013100697f,
                                     -0.000697105366f,
                                     0.0f,
                                     0.0f,
                                     0.0f,
                                     -0.000697105366f,
                                     -0.0013100697f,
                                     -0.00242197444f,
                                     -0.00438789604f,
                                     -0.00774700101f,
                                     -0.0132143311f,
                                     -0.0214605425f,
                                     -0.0322769582f,
                                     -0.0422547497f,
                                     -0.0397347994f,
                                     0.00155658368f,
                                     0.112617247f,
                                     0.259403706f,
                                     0.294341683f};
static const float cubic_cube[] = {3.82460204e-16f,
                                   -0.0474497452f,
                                   -0.0401329398f,
                                   -0.0155044319f,
                                   -0.0019838782f,
                                   0.00195063523f,
                                   0.00216760929f,
                                   0.0015304354f,
                                   0.000927578832f,
                                   0.000521502981f,
                                   0.000280553882f,
                                   0.000146626408f,
                                   7.50746985e-05f,
                                   3.78515615e-05f,
                                   1.88556369e-05f,
                                   0.0f,
                                   0.0f,
                                   0.0f,
                                   -1.88556351e-05f,
                                   -3.78515615e-05f,
                                   -7.50746985e-05f,
                                   -0.000146626408f,
                                   -0.000280553882f,
                                   -0.000521502981f,
                                   -0.000927578832f,
                                   -0.0015304354f,
                                   -0.00216760929f,
                                   -0.00195063523f,
                                   0.0019838782f,
                                   0.0155044319f,
                                   0.0401329398f,
                                   0.0474497452f};

/* 2^t on [-1/2, 1/2] to a relative error of 7.5e-5, by Remez. */
static const float exp2_short[] = {0.999928074f, 0.693260985f, 0.242611122f,
                                   0.0551716691f};

/* Which segment x is in, in the low bits. */
static LLVMValueRef segment(struct yt_emit *e, LLVMValueRef x, float most,
                            float per_unit)
{
    return yt_emit_fma(e, e->words.clamp(e, x, most),
                       yt_emit_splat(e, per_unit),
                       yt_emit_splat(e, ROUND_MAGIC));
}

static LLVMValueRef silu_cubics(struct yt_emit *e, LLVMValueRef x)
{
    LLVMValueRef z = segment(e, x, CUBICS_CLAMP, CUBICS_PER_UNIT);
    LLVMValueRef y = yt_emit_fma(e, e->words.look_up(e, z, cubic_cube), x,
                                 e->words.look_up(e, z, cubic_square));
    y = yt_emit_fma(e, y, x, e->words.look_up(e, z, cubic_linear));
    return yt_emit_fma(e, y, x, e->words.look_up(e, z, cubic_constant));
}

static LLVMValueRef silu_parabolas(struct yt_emit *e, LLVMValueRef x)
{
    LLVMValueRef z = segment(e, x, SEGMENTS_CLAMP, SEGMENTS_PER_UNIT);
    LLVMValueRef y = yt_emit_fma(e, e->words.look_up(e, z, silu_square), x,
                                 e->words.look_up(e, z, silu_linear));
    return yt_emit_fma(e, y, x, e->words.look_up(e, z, silu_constant));
}

static LLVMValueRef silu_short(struct yt_emit *e, LLVMValueRef x)
{
    LLVMValueRef t = yt_emit_fmul(e, e->words.clamp(e, x, EXP_CLAMP),
                                  yt_emit_splat(e, -LOG2E_HI));
    LLVMValueRef magic = yt_emit_splat(e, ROUND_MAGIC);
    LLVMValueRef z = yt_emit_fadd(e, t, magic);
    LLVMValueRef n = yt_emit_fsub(e, z, magic);
    LLVMValueRef r = yt_emit_fsub(e, t, n);
    LLVMValueRef p = yt_emit_splat(e, exp2_short[3]);
    for (int i = 2; i >= 0; i--)
        p = yt_emit_fma(e, p, r, yt_emit_splat(e, exp2_short[i]));
    LLVMValueRef d =
        yt_emit_fadd(e, e->words.scale(e, p, n, z), yt_emit_splat(e, 1.0f));
    return yt_emit_fmul(e, x, e->words.reciprocal(e, d));
}

LLVMValueRef yt_emit_silu_coarse(struct yt_emit *e, enum yt_dtype out,
                                 LLVMValueRef x)
{
    /* The tables' error is absolute, which bf16 near 0 would show. */
    if (e->isa->can & YT_CAN_LOOKUP && out == YT_DTYPE_U8S8)
        return silu_parabolas(e, x);
    if (e->isa->can & YT_CAN_LOOKUP && out == YT_DTYPE_S16)
        return silu_cubics(e, x);
    return silu_short(e, x);
}
