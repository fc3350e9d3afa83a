# make install: the program, its completion, and how products find the runtime
# that cmake/product.cmake installs in lib/yolotune: a pkg-config file and a
# CMake package of one target, yolotune::runtime.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

if(TARGET yolotune)
  install(TARGETS yolotune RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES scripts/completion/yolotune.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME yolotune)

# The default model and its pictures: a build folder has them where an
# installation does, as seen from the executable.
set(YT_DEFAULT_DIR share/yolotune/default)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/yolotune)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models/default
     ${PROJECT_BINARY_DIR}/${YT_DEFAULT_DIR} SYMBOLIC)
install(DIRECTORY models/default/ DESTINATION ${YT_DEFAULT_DIR}
        FILES_MATCHING PATTERN "*.onnx" PATTERN "*.yaml" PATTERN "*.jpg"
                       PATTERN "*.txt" PATTERN "README.md"
                       PATTERN "requirements.txt" EXCLUDE)

set(YT_RUNTIME_DIR lib/yolotune)
configure_file(cmake/yolotune-runtime.pc.in yolotune-runtime.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/yolotune-runtime.pc
        DESTINATION lib/pkgconfig)

set(YT_CMAKE_DIR lib/cmake/yolotune-runtime)
configure_package_config_file(cmake/yolotune-runtime-config.cmake.in
  ${PROJECT_BINARY_DIR}/yolotune-runtime-config.cmake
  INSTALL_DESTINATION ${YT_CMAKE_DIR} PATH_VARS YT_RUNTIME_DIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/yolotune-runtime-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/yolotune-runtime-config.cmake
              ${PROJECT_BINARY_DIR}/yolotune-runtime-config-version.cmake
        DESTINATION ${YT_CMAKE_DIR})
