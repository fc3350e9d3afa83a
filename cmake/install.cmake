# make install: the program, its completion, and how products find the runtime
# that cmake/product.cmake installs in lib/yolotune: a pkg-config file and a
# CMake package of one target, yolotune::runtime.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Debian's components: what runs, what products link, what is read.
set(YT_RUN COMPONENT yolotune)
set(YT_DEV COMPONENT libyolotune-runtime-dev)
set(YT_DOC COMPONENT yolotune-doc)

find_program(YT_GZIP gzip)
if(TARGET yolotune)
  install(TARGETS yolotune RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
          ${YT_RUN})
  set(YT_MAN_DIR ${PROJECT_BINARY_DIR}/man)
  add_custom_command(OUTPUT ${YT_MAN_DIR}/stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${YT_MAN_DIR}
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/man.sh $<TARGET_FILE:yolotune>
            ${YT_MAN_DIR}
    COMMAND ${CMAKE_COMMAND} -E touch ${YT_MAN_DIR}/stamp
    DEPENDS yolotune ${PROJECT_SOURCE_DIR}/scripts/man.sh VERBATIM
    COMMENT "Writing manual pages")
  add_custom_target(yt_man ALL DEPENDS ${YT_MAN_DIR}/stamp)
  install(DIRECTORY ${YT_MAN_DIR}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
          ${YT_RUN} OPTIONAL FILES_MATCHING PATTERN "*.1*")
endif()
install(FILES scripts/completion/yolotune.bash
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
        RENAME yolotune ${YT_RUN})
install(FILES scripts/completion/_yolotune
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions ${YT_RUN})
install(FILES scripts/completion/yolotune.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d
        ${YT_RUN})
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} ${YT_DOC})
install(DIRECTORY docs examples DESTINATION ${CMAKE_INSTALL_DOCDIR} ${YT_DOC})

# The default model and its pictures: a build folder has them where an
# installation does, as seen from the executable.
set(YT_DEFAULT_DIR share/yolotune/default)
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/share/yolotune)
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models/default
     ${PROJECT_BINARY_DIR}/${YT_DEFAULT_DIR} SYMBOLIC)
install(DIRECTORY models/default/ DESTINATION ${YT_DEFAULT_DIR} ${YT_RUN}
        FILES_MATCHING PATTERN "*.onnx" PATTERN "*.yaml" PATTERN "*.jpg"
                       PATTERN "*.txt" PATTERN "README.md"
                       PATTERN "requirements.txt" EXCLUDE)

set(YT_RUNTIME_DIR lib/yolotune)
configure_file(cmake/yolotune-runtime.pc.in yolotune-runtime.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/yolotune-runtime.pc
        DESTINATION lib/pkgconfig ${YT_DEV})

set(YT_CMAKE_DIR lib/cmake/yolotune-runtime)
configure_package_config_file(cmake/yolotune-runtime-config.cmake.in
  ${PROJECT_BINARY_DIR}/yolotune-runtime-config.cmake
  INSTALL_DESTINATION ${YT_CMAKE_DIR} PATH_VARS YT_RUNTIME_DIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/yolotune-runtime-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/yolotune-runtime-config.cmake
              ${PROJECT_BINARY_DIR}/yolotune-runtime-config-version.cmake
        DESTINATION ${YT_CMAKE_DIR} ${YT_DEV})
