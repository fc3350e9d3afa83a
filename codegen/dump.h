#ifndef YT_DUMP_H
#define YT_DUMP_H

/* What YT_DUMP asks for, for those who want to see what was generated. */

#include <llvm-c/TargetMachine.h>

#include "yolotune/status.h"

/** Write a kernel's texts as yt_codegen_compile() says. The module is left as
 *  it is: what is emitted from it later does not depend on YT_DUMP.
 *
 * @param title  goes into the first line: problem, schedule, ISA.
 * @return YT_OK, also when nothing is asked for; YT_IO naming the file that
 *         cannot be written; YT_COMPILE; YT_BAD_ARGUMENT for a word in YT_DUMP
 *         that is not one of the kinds.
 */
enum yt_status yt_dump(LLVMModuleRef module, LLVMTargetMachineRef machine,
                       const char *symbol, const char *title);

#endif
