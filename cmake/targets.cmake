# One static library per layer, in the order of docs/ARCHITECTURE.md: a layer
# links the layers it may include and no other.
add_library(yt_flags INTERFACE)
target_include_directories(yt_flags INTERFACE ${PROJECT_SOURCE_DIR}
                           ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(yt_flags INTERFACE _GNU_SOURCE)
target_compile_options(yt_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow
  -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-missing-field-initializers
  -ffp-contract=off -fno-math-errno)
if(YT_WERROR)
  target_compile_options(yt_flags INTERFACE -Werror)
endif()
if(YT_SANITIZE)
  target_compile_options(yt_flags INTERFACE -fsanitize=address,undefined
    -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(yt_flags INTERFACE -fsanitize=address,undefined)
  if(CMAKE_C_COMPILER_ID MATCHES Clang)
    # It reads the bytes before a function: with generated kernels, before the
    # page that they begin.
    target_compile_options(yt_flags INTERFACE -fno-sanitize=function)
  endif()
endif()
if(YT_TSAN)
  target_compile_options(yt_flags INTERFACE -fsanitize=thread)
  target_link_options(yt_flags INTERFACE -fsanitize=thread)
endif()

# yt_layer(FOLDER [ROOMS folders...] [SOURCES more...] LINKS libraries...): the
# library of a folder and of the named folders in it; that of tuner/build is
# yt_tuner_build.
function(yt_layer folder)
  cmake_parse_arguments(L "" "" "LINKS;ROOMS;SOURCES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.c)
  foreach(room ${L_ROOMS})
    file(GLOB more CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/${room}/*.c)
    list(APPEND sources ${more})
  endforeach()
  list(APPEND sources ${L_SOURCES})
  string(REPLACE / _ name ${folder})
  if(NOT sources)
    add_library(yt_${name} INTERFACE)
    target_link_libraries(yt_${name} INTERFACE yt_flags ${L_LINKS})
    return()
  endif()
  add_library(yt_${name} STATIC ${sources})
  target_link_libraries(yt_${name} PUBLIC yt_flags ${L_LINKS})
endfunction()

set(YT_GENERATED ${PROJECT_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${YT_GENERATED})

# What ships compiles runtime/ alone: of base/ it may use what is inline in its
# headers, so runtime does not link it.
yt_layer(base LINKS)
yt_layer(runtime ROOMS op LINKS Threads::Threads)

set(YT_ONNX_SOURCES)
if(EXISTS ${PROJECT_SOURCE_DIR}/model/onnx.proto)
  add_custom_command(
    OUTPUT ${YT_GENERATED}/onnx.pb-c.c ${YT_GENERATED}/onnx.pb-c.h
    COMMAND ${YT_PROTOC_C} --c_out=${YT_GENERATED}
            --proto_path=${PROJECT_SOURCE_DIR}/model
            ${PROJECT_SOURCE_DIR}/model/onnx.proto
    DEPENDS ${PROJECT_SOURCE_DIR}/model/onnx.proto)
  set(YT_ONNX_SOURCES ${YT_GENERATED}/onnx.pb-c.c)
  set_source_files_properties(${YT_GENERATED}/onnx.pb-c.c PROPERTIES
    COMPILE_OPTIONS "-w")
endif()
yt_layer(model SOURCES ${YT_ONNX_SOURCES}
         LINKS yt_base yt_runtime PkgConfig::YT_ZIP PkgConfig::YT_PROTOBUF
               PkgConfig::YT_XXHASH m)
get_target_property(yt_model_type yt_model TYPE)
if(NOT yt_model_type STREQUAL INTERFACE_LIBRARY)
  target_include_directories(yt_model SYSTEM PUBLIC ${YT_GENERATED})
endif()
yt_layer(compress/quant LINKS yt_base yt_runtime yt_model PkgConfig::YT_XXHASH m)
include(cmake/generator_version.cmake)
yt_generator_version(${PROJECT_SOURCE_DIR}
                     "-D_GNU_SOURCE;-isystem;${YT_LLVM_INCLUDE}" YT_VERSION_SOURCE)
yt_layer(codegen ROOMS algo target SOURCES ${YT_VERSION_SOURCE}
         LINKS yt_base yt_runtime yt_llvm m)
yt_layer(db LINKS yt_base yt_runtime PkgConfig::YT_SQLITE PkgConfig::YT_JANSSON)
yt_layer(eval LINKS yt_base yt_runtime yt_model PkgConfig::YT_JPEG PkgConfig::YT_PNG
                    PkgConfig::YT_WEBP PkgConfig::YT_TIFF yt_gif
                    PkgConfig::YT_JANSSON PkgConfig::YT_YAML PkgConfig::YT_XXHASH
                    ${CMAKE_DL_LIBS} Threads::Threads m)
# Videos: their headers alone, or sentences in their place.
get_target_property(YT_EVAL_SOURCES yt_eval SOURCES)
if(YT_HAS_VIDEO)
  list(FILTER YT_EVAL_SOURCES EXCLUDE REGEX "/eval/video_none\\.c$")
  target_include_directories(yt_eval SYSTEM PRIVATE ${YT_AV_INCLUDE_DIRS})
  if(YT_AVDEVICE_FOUND)
    target_compile_definitions(yt_eval PRIVATE YT_CAMERAS)
  endif()
else()
  list(FILTER YT_EVAL_SOURCES EXCLUDE REGEX "/eval/video_(av|read|write)\\.c$")
endif()
set_target_properties(yt_eval PROPERTIES SOURCES "${YT_EVAL_SOURCES}")
yt_layer(tuner/build LINKS yt_runtime yt_model yt_compress_quant yt_codegen
                           yt_db PkgConfig::YT_CPUID m)
yt_layer(tuner/measure LINKS yt_tuner_build m)
yt_layer(tuner/search LINKS yt_tuner_measure yt_tuner_build m)
yt_layer(compress/precision LINKS yt_compress_quant yt_eval yt_tuner_search m)
yt_layer(train/net LINKS yt_base yt_model yt_compress_quant yt_dnnl m)
yt_layer(train/loss LINKS yt_base yt_model m)
yt_layer(train/data LINKS yt_train_loss yt_eval Threads::Threads m)
yt_layer(train/run LINKS yt_train_net yt_train_loss yt_train_data
                         PkgConfig::YT_XXHASH m)
yt_layer(compress/prune LINKS yt_train_net yt_model m)
yt_layer(compress/ratio LINKS yt_compress_prune yt_compress_precision
                              yt_train_run m)
yt_layer(strategies/choice LINKS yt_base yt_model m)
yt_layer(strategies/lab LINKS yt_strategies_choice yt_compress_precision
                              yt_eval yt_tuner_measure yt_db m)
yt_layer(strategies/advice LINKS yt_strategies_lab yt_tuner_search m)

# Files that the program carries, as arrays of C: appended to LIST.
function(yt_embed list file array)
  set(out ${YT_GENERATED}/${array}.c)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${PROJECT_SOURCE_DIR}/${file} -DNAME=${array}
            -DOUT=${out} -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${PROJECT_SOURCE_DIR}/${file}
            ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
  set(${list} ${${list}} ${out} PARENT_SCOPE)
endfunction()

yt_embed(YT_EXPORT_FILES export/cpp/model.hpp yt_export_hpp_text)
yt_embed(YT_EXPORT_FILES export/python/module.py yt_export_python_text)
yt_embed(YT_EXPORT_FILES export/python/yolotune_wheel.py yt_export_wheel_text)
yt_embed(YT_EXPORT_FILES export/python/pyproject.toml yt_export_pyproject_text)
yt_layer(export SOURCES ${YT_EXPORT_FILES}
         LINKS yt_base yt_runtime yt_model yt_codegen PkgConfig::YT_JANSSON)

yt_embed(YT_PAGE_FILES page/page.css yt_page_css)
yt_embed(YT_PAGE_FILES page/page.js yt_page_js)
yt_layer(page SOURCES ${YT_PAGE_FILES}
         LINKS yt_base yt_runtime yt_db yt_strategies_choice
               PkgConfig::YT_JANSSON m)

# The program is its front door and a library, which tests and bench/ link too.
yt_layer(cli LINKS yt_strategies_advice yt_compress_ratio yt_export yt_page
             PkgConfig::YT_JANSSON m)
get_target_property(YT_CLI_SOURCES yt_cli SOURCES)
list(FILTER YT_CLI_SOURCES EXCLUDE REGEX "/cli/main\\.c$")
set_target_properties(yt_cli PROPERTIES SOURCES "${YT_CLI_SOURCES}")
target_compile_definitions(yt_cli PUBLIC YT_VERSION="${PROJECT_VERSION}")
add_executable(yolotune cli/main.c)
target_link_libraries(yolotune PRIVATE yt_cli)

# yt_bench_program(NAME LIBRARY [SOURCE...]): bench/NAME/ and further sources as
# yolotune-NAME, which bench/*.py and people call; not installed.
function(yt_bench_program name library)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bench/${name}/*.c)
  add_executable(yolotune-${name} ${sources} ${ARGN})
  target_link_libraries(yolotune-${name} PRIVATE ${library})
endfunction()
yt_bench_program(serve yt_cli)
yt_bench_program(shapes yt_cli)
yt_bench_program(losses yt_train_loss)
yt_bench_program(onnx yt_cli)
yt_bench_program(depthwise yt_cli bench/contest/contest.c)
yt_bench_program(sparse yt_cli bench/contest/contest.c)
yt_bench_program(tape yt_train_net)
yt_bench_program(search yt_cli bench/contest/contest.c)
yt_bench_program(winograd yt_cli bench/contest/contest.c)
