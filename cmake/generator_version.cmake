# yt_codegen_version(): twelve digits of a hash over everything that decides
# which code a (problem, schedule) pair becomes. Nobody has to remember to count
# it up, and rows of the database that an older generator made become stale by
# themselves. As a script it prints the version of a source tree:
#     cmake -DROOT=. -P cmake/generator_version.cmake
function(yt_generator_version root version_out files_out)
  set(watch)
  if(NOT CMAKE_SCRIPT_MODE_FILE)
    set(watch CONFIGURE_DEPENDS)
  endif()
  file(GLOB_RECURSE files ${watch} ${root}/codegen/*.c ${root}/codegen/*.h
       ${root}/codegen/*.inc)
  list(APPEND files ${root}/runtime/kernel.h ${root}/runtime/isa.inc
       ${root}/runtime/problem.h ${root}/runtime/op_params.h
       ${root}/runtime/dtypes.inc
       ${root}/runtime/dtype.h)
  list(SORT files)
  set(hashes)
  foreach(path ${files})
    file(RELATIVE_PATH name ${root} ${path})
    file(SHA256 ${path} hash)
    string(APPEND hashes "${name} ${hash}\n")
  endforeach()
  string(SHA256 hash "${hashes}")
  string(SUBSTRING ${hash} 0 12 version)
  set(${version_out} ${version} PARENT_SCOPE)
  set(${files_out} ${files} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE)
  get_filename_component(ROOT ${ROOT} ABSOLUTE)
  yt_generator_version(${ROOT} version files)
  message(${version}) # on stderr: message(STATUS) would add dashes
  return()
endif()

yt_generator_version(${PROJECT_SOURCE_DIR} YT_GENERATOR_VERSION
                     YT_GENERATOR_SOURCES)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
             ${YT_GENERATOR_SOURCES})
set_source_files_properties(${PROJECT_SOURCE_DIR}/codegen/compile.c PROPERTIES
  COMPILE_DEFINITIONS YT_GENERATOR_VERSION="${YT_GENERATOR_VERSION}")
