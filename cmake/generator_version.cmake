# yt_codegen_version(): twelve digits of a hash over everything that decides
# which code a (problem, schedule) pair becomes: the sources of codegen/, every
# file of the project that the compiler reads for them, by its own account
# (cc -MM), and the sources beside those headers, whose functions generators may
# call. Nobody has to remember to count it up or to list a header, and rows of
# the database that an older generator made become stale by themselves.
#
# A step of the build, so that it is right whenever something was compiled: it
# writes the version into a source of its own and what it depends on beside it.
# As a script it is that step, or prints the version of a source tree:
#     cmake -DROOT=. -DCOMPILER=cc -DFLAGS=... [-DOUT=x.c] -P generator_version.cmake
cmake_minimum_required(VERSION 3.20)

# The project's files that the compiler reads for SOURCES, these included.
function(yt_files_read root sources files_out)
  execute_process(
    COMMAND ${COMPILER} -MM -I${root} -I${root}/include ${FLAGS} ${sources}
    OUTPUT_VARIABLE rules ERROR_VARIABLE error RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${COMPILER} cannot tell what codegen/ includes: ${error}")
  endif()
  # "emit.o: a.c b.h \" and so on: no targets, no continuations. A blank inside
  # a name is escaped, and so is kept from ending it.
  string(REGEX REPLACE "\\\\\r?\n" " " rules "${rules}")
  string(REGEX REPLACE "(^|\n)[^\n:]*\\.o:" " " rules "${rules}")
  string(REPLACE "\\ " "\t" rules "${rules}")
  string(REGEX MATCHALL "[^ \r\n]+" rules "${rules}")
  string(REPLACE "\t" " " rules "${rules}")
  set(files)
  foreach(path ${rules})
    get_filename_component(path ${path} ABSOLUTE)
    list(APPEND files ${path})
  endforeach()
  set(${files_out} ${files} PARENT_SCOPE)
endfunction()

function(yt_generator_files root files_out)
  file(GLOB_RECURSE sources ${root}/codegen/*.c)
  yt_files_read(${root} "${sources}" files)
  set(beside)
  foreach(path ${files})
    string(REGEX REPLACE "\\.h$" ".c" source ${path})
    if(NOT source IN_LIST sources AND source MATCHES "\\.c$" AND EXISTS ${source})
      list(APPEND beside ${source})
    endif()
  endforeach()
  if(beside)
    list(REMOVE_DUPLICATES beside)
    yt_files_read(${root} "${beside}" more)
    list(APPEND files ${more})
  endif()
  list(REMOVE_DUPLICATES files)
  list(SORT files)
  set(${files_out} ${files} PARENT_SCOPE)
endfunction()

function(yt_generator_hash root files version_out)
  set(hashes)
  foreach(path ${files})
    file(RELATIVE_PATH name ${root} ${path})
    file(SHA256 ${path} hash)
    string(APPEND hashes "${name} ${hash}\n")
  endforeach()
  string(SHA256 hash "${hashes}")
  string(SUBSTRING ${hash} 0 12 version)
  set(${version_out} ${version} PARENT_SCOPE)
endfunction()

function(yt_generator_write out files version)
  string(REPLACE " " "\\ " names "${out}:;${files}")
  string(REPLACE ";" " \\\n  " names "${names}")
  file(WRITE ${out}.d "${names}\n")
  file(WRITE ${out}
    "/* Written by cmake/generator_version.cmake. */\n"
    "#include \"codegen/codegen.h\"\n\n"
    "const char *yt_codegen_version(void)\n{\n    return \"${version}\";\n}\n")
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  get_filename_component(ROOT ${ROOT} ABSOLUTE)
  yt_generator_files(${ROOT} files)
  yt_generator_hash(${ROOT} "${files}" version)
  if(OUT)
    yt_generator_write(${OUT} "${files}" ${version})
  else()
    message("${version}") # on stderr: message(STATUS) would add dashes
  endif()
  return()
endif()

# yt_generator_version(ROOT FLAGS SOURCE_OUT): the step for the tree below ROOT;
# SOURCE_OUT becomes the source to compile.
set(YT_GENERATOR_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
function(yt_generator_version root flags source_out)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/generated/generator_version.c)
  # New and removed sources are seen when cmake looks, as everywhere.
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${root}/codegen/*.c)
  string(REPLACE ";" "$<SEMICOLON>" flags "${flags}")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DROOT=${root} -DCOMPILER=${CMAKE_C_COMPILER}
            "-DFLAGS=${flags}" -DOUT=${out} -P ${YT_GENERATOR_SCRIPT}
    DEPENDS ${sources} ${YT_GENERATOR_SCRIPT} DEPFILE ${out}.d
    COMMENT "Generator version" VERBATIM)
  set(${source_out} ${out} PARENT_SCOPE)
endfunction()
