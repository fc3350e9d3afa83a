# What an export links: the runtime once more, without sanitizers, debug
# information or paths of this machine, beside the headers that generated code
# includes. In the build folder as product/, installed as lib/yolotune/.
set(YT_PRODUCT_DIR ${PROJECT_BINARY_DIR}/product)
file(GLOB YT_PRODUCT_SOURCES CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/runtime/*.c ${PROJECT_SOURCE_DIR}/runtime/op/*.c)
# What only serves the tools. Rows leave out what they point to in here.
list(FILTER YT_PRODUCT_SOURCES EXCLUDE REGEX
     "/runtime/(reference|problem_text|dtype_value)\\.c$")
file(GLOB YT_PRODUCT_HEADERS CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/runtime/*.h ${PROJECT_SOURCE_DIR}/runtime/*.inc
     ${PROJECT_SOURCE_DIR}/include/yolotune/*.h)

add_library(yt_product STATIC ${YT_PRODUCT_SOURCES})
set_target_properties(yt_product PROPERTIES OUTPUT_NAME yt_runtime
  ARCHIVE_OUTPUT_DIRECTORY ${YT_PRODUCT_DIR})
target_include_directories(yt_product PRIVATE ${PROJECT_SOURCE_DIR}
  ${PROJECT_SOURCE_DIR}/include)
target_compile_definitions(yt_product PRIVATE _GNU_SOURCE NDEBUG YT_PRODUCT)
target_compile_options(yt_product PRIVATE -O2 -g0 -fvisibility=hidden
  -ffp-contract=off -fno-math-errno -ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

set(YT_PRODUCT_COPIES)
foreach(header ${YT_PRODUCT_HEADERS})
  get_filename_component(file ${header} NAME)
  get_filename_component(folder ${header} DIRECTORY)
  get_filename_component(folder ${folder} NAME) # runtime or yolotune
  set(copy ${YT_PRODUCT_DIR}/include/${folder}/${file})
  add_custom_command(OUTPUT ${copy} DEPENDS ${header}
    COMMAND ${CMAKE_COMMAND} -E copy ${header} ${copy} VERBATIM)
  list(APPEND YT_PRODUCT_COPIES ${copy})
endforeach()
add_custom_target(yt_product_headers ALL DEPENDS ${YT_PRODUCT_COPIES})
add_dependencies(yt_product yt_product_headers)

install(FILES $<TARGET_FILE:yt_product> DESTINATION lib/yolotune ${YT_DEV})
install(DIRECTORY ${YT_PRODUCT_DIR}/include DESTINATION lib/yolotune ${YT_DEV})

set_source_files_properties(${PROJECT_SOURCE_DIR}/export/export.c PROPERTIES
  COMPILE_DEFINITIONS YT_VERSION="${PROJECT_VERSION}")
# Whatever exports needs it when it runs.
get_target_property(yt_export_type yt_export TYPE)
if(NOT yt_export_type STREQUAL INTERFACE_LIBRARY)
  add_dependencies(yt_export yt_product)
endif()
