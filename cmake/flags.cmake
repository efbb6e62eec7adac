# Compiler flags of every target. The keeper's rooms add coffer_no_exceptions.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion
                    -Wno-sign-conversion -Wnon-virtual-dtor -Werror)
# gcc 12 sees overlaps and overruns inside its own std::string and std::vector
# when it inlines them (bugs 105651, 105329); the sanitizer builds judge those.
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overread>
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-free-nonheap-object>)
add_compile_definitions(COFFER_VERSION="${PROJECT_VERSION}")
include_directories(${PROJECT_SOURCE_DIR})

if(COFFER_SANITIZE)
  add_compile_options(-fsanitize=${COFFER_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${COFFER_SANITIZE})
  add_compile_definitions(COFFER_SANITIZED=1)
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection
                      -fcf-protection)
  add_compile_definitions($<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(COFFER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# Rooms that run with keys build without exceptions and RTTI.
function(coffer_no_exceptions target)
  target_compile_options(${target} PRIVATE -fno-exceptions -fno-rtti)
endfunction()
