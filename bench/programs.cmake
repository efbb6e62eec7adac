# The load generator and the floors it is compared with (bench/run.py).
pkg_check_modules(BENCH_LMDB REQUIRED IMPORTED_TARGET lmdb)

add_library(coffer_load STATIC load_http.cc load_options.cc load_requests.cc
            load_run.cc)
add_executable(load_generator load_generator.cc)
target_link_libraries(load_generator coffer_load)

add_library(coffer_floor STATIC floor_server.cc floor_journal.cc)
target_link_libraries(coffer_floor PUBLIC coffer_load Threads::Threads)
add_executable(floor_echo floor_echo.cc)
target_link_libraries(floor_echo coffer_floor)
add_executable(floor_single floor_single.cc floor_work.cc)
target_link_libraries(floor_single coffer_floor coffer_crypto)
add_executable(floor_create floor_create.cc)
target_link_libraries(floor_create coffer_floor PkgConfig::BENCH_LMDB)
add_executable(floor_rotate floor_rotate.cc)
target_link_libraries(floor_rotate coffer_load coffer_crypto coffer_wire
                      PkgConfig::BENCH_LMDB)
# Stands in the gate's place; see bulk_load.h.
add_executable(bulk_load bulk_load.cc bulk_keeper.cc bulk_spill.cc)
target_link_libraries(bulk_load coffer_load coffer_gate)
