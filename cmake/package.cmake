# Packages, made in the build folder: `cpack` writes Debian's, `cpack -G TGZ`
# an archive of the whole with its checksum.
#
#   yolotune                 the program, its pages and completions, and the
#                            default model
#   libyolotune-runtime-dev  what products and exports link
#   yolotune-doc             documentation and examples
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME yolotune)
set(CPACK_PACKAGE_VENDOR yolotune)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "get the most out of YOLOv5 on this CPU")
set(CPACK_PACKAGE_CHECKSUM SHA256)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL yolotune libyolotune-runtime-dev yolotune-doc)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
# Whatever the umask is where it is packed.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)

set(YT_MAINTAINER "yolotune maintainers <maintainers@yolotune.invalid>"
  CACHE STRING "Name and address that packages tell")
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${YT_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_YOLOTUNE_PACKAGE_NAME yolotune)
set(CPACK_DEBIAN_YOLOTUNE_PACKAGE_SECTION science)
set(CPACK_DEBIAN_YOLOTUNE_PACKAGE_SHLIBDEPS ON)
# Exports link what comes with the other package, with cc and binutils; videos need FFmpeg's
# libraries, which are opened by name when there is a video.
set(CPACK_DEBIAN_YOLOTUNE_PACKAGE_RECOMMENDS
  "libyolotune-runtime-dev (= ${PROJECT_VERSION}), gcc | clang, binutils")
set(CPACK_DEBIAN_YOLOTUNE_PACKAGE_SUGGESTS
  "yolotune-doc, libavformat59, libavdevice59, libswscale6")
set(CPACK_COMPONENT_YOLOTUNE_DESCRIPTION
"yolotune measures how input sizes, precisions, pruning, threads and kernels
that are compiled for this very CPU trade the speed of a YOLOv5 model against
its accuracy, keeps all figures in a database, and recommends the combination
that serves a scenario best. It writes a tuned runtime that products link.")

set(CPACK_DEBIAN_LIBYOLOTUNE-RUNTIME-DEV_PACKAGE_NAME libyolotune-runtime-dev)
set(CPACK_DEBIAN_LIBYOLOTUNE-RUNTIME-DEV_PACKAGE_SECTION libdevel)
set(CPACK_COMPONENT_LIBYOLOTUNE-RUNTIME-DEV_DESCRIPTION
"The static library and headers that programs link to run a network which
yolotune exported. They need nothing but the C library. There are a pkg-config
file and a CMake package.")

set(CPACK_DEBIAN_YOLOTUNE-DOC_PACKAGE_NAME yolotune-doc)
set(CPACK_DEBIAN_YOLOTUNE-DOC_PACKAGE_SECTION doc)
set(CPACK_DEBIAN_YOLOTUNE-DOC_PACKAGE_ARCHITECTURE all)
set(CPACK_COMPONENT_YOLOTUNE-DOC_DESCRIPTION
"How networks are tuned for a CPU, what was measured, the tables of the
results database, and programs that use an exported network.")

# Debian wants a change log and the terms of use in each package.
if(YT_GZIP)
  set(YT_DEBIAN_DIR ${PROJECT_BINARY_DIR}/debian)
  string(TIMESTAMP YT_CHANGED "%a, %d %b %Y %H:%M:%S +0000" UTC)
  configure_file(cmake/debian-copyright.in ${YT_DEBIAN_DIR}/copyright @ONLY)
  configure_file(cmake/debian-changelog.in ${YT_DEBIAN_DIR}/changelog @ONLY)
  execute_process(COMMAND ${YT_GZIP} -9nkf ${YT_DEBIAN_DIR}/changelog)
  foreach(name ${CPACK_COMPONENTS_ALL})
    install(FILES ${YT_DEBIAN_DIR}/copyright ${YT_DEBIAN_DIR}/changelog.gz
            DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${name}
            COMPONENT ${name})
  endforeach()
endif()
include(CPack)
