# gradus_embed(TARGET SYMBOL FILE): compiles a text file into TARGET as `extern const char SYMBOL[]` of
# namespace gradus. The file is re-read when it changes.
function(gradus_embed target symbol file)
  get_filename_component(path ${file} ABSOLUTE)
  file(READ ${path} text)
  # A raw string literal may not hold its own delimiter; this one appears in no text file.
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embedded_${symbol}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"namespace gradus {
extern const char @symbol@[];
const char @symbol@[] = R\"gradus~(@text@)gradus~\";
}
")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  target_sources(${target} PRIVATE ${source})
endfunction()
