#ifndef YT_HOST_FEATURES_H
#define YT_HOST_FEATURES_H

/** Whether @p host ("+a,-b,...", as LLVMGetHostCPUFeatures() says it) denies
 *  something that @p wanted ("+a,+b,...") uses.
 *
 * @param[out] name_out  the first such feature, borrowed from @p wanted.
 * @return the length of that name; 0 when nothing is denied.
 */
int yt_features_denied(const char *host, const char *wanted,
                       const char **name_out);

#endif
