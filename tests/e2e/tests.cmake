foreach(case ranks kill worker damage input)
  add_test(NAME e2e_${case}
           COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/run_test.py $<TARGET_FILE:gradus> ${case})
  set_tests_properties(e2e_${case} PROPERTIES TIMEOUT 900 PROCESSORS 2)
endforeach()
foreach(case ranks kill lost start stop input)
  add_test(NAME e2e_train_${case}
           COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/train_test.py $<TARGET_FILE:gradus> ${case})
  set_tests_properties(e2e_train_${case} PROPERTIES TIMEOUT 900 PROCESSORS 2)
endforeach()
foreach(case words checker text_markers extension fit)
  add_test(NAME e2e_recipe_${case}
           COMMAND python3 ${CMAKE_CURRENT_SOURCE_DIR}/e2e/recipe_test.py $<TARGET_FILE:gradus> ${case})
  set_tests_properties(e2e_recipe_${case} PROPERTIES TIMEOUT 900 PROCESSORS 2)
endforeach()
