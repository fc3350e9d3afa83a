#ifndef YT_EXP_H
#define YT_EXP_H

/** exp(x) in double, |relative error| < 1e-14; products have no libm. */
double yt_exp(double x);

#endif
