# The keeper's own files (journal, keeper.state) and the tables kept in them.
add_library(coffer_keeper_files STATIC
            ${PROJECT_SOURCE_DIR}/vault/keeper/budgets.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/floors.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/journal.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/journal_append.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/journal_format.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/journal_leaves.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/journal_reader.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/spent_tokens.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/state_file.cc
            ${PROJECT_SOURCE_DIR}/vault/keeper/state_io.cc)
coffer_no_exceptions(coffer_keeper_files)
target_link_libraries(coffer_keeper_files
                      PUBLIC coffer_crypto coffer_wire coffer_base
                             Threads::Threads)
