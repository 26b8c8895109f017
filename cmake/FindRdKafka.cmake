# Finds librdkafka and provides the imported target RdKafka::rdkafka.
#
# Looked for in this order:
#   1. ROWCAST_RDKAFKA_ROOT, a cache variable or an environment variable: a
#      prefix with include/librdkafka/rdkafka.h and lib/librdkafka.a. What is
#      named here must be usable; nothing else is tried then.
#   2. a system librdkafka that is new enough, by pkg-config;
#   3. what scripts/setup built into the cache folder
#      (ROWCAST_CACHE, else XDG_CACHE_HOME/rowcast, else ~/.cache/rowcast).
#
# Older libraries do not do: up to 2.6.0 the SCRAM login to Kafka 4 fails.
#
# Result variables: RdKafka_FOUND, RdKafka_VERSION.

set(_rdkafka_minimum 2.8.0)

set(ROWCAST_RDKAFKA_ROOT "" CACHE PATH
    "Prefix of a static librdkafka >= ${_rdkafka_minimum}")

# Reads RD_KAFKA_VERSION (0xMMmmrrpp) out of rdkafka.h into `out` as M.m.r.
function(_rdkafka_header_version header out)
  set(${out} "" PARENT_SCOPE)
  if(NOT EXISTS "${header}")
    return()
  endif()
  file(STRINGS "${header}" line REGEX "^#define[ \t]+RD_KAFKA_VERSION[ \t]+0x")
  if(line MATCHES "0x(..)(..)(..)")
    math(EXPR major "0x${CMAKE_MATCH_1}")
    math(EXPR minor "0x${CMAKE_MATCH_2}")
    math(EXPR patch "0x${CMAKE_MATCH_3}")
    set(${out} "${major}.${minor}.${patch}" PARENT_SCOPE)
  endif()
endfunction()

function(_rdkafka_default_root out)
  if(NOT "$ENV{ROWCAST_CACHE}" STREQUAL "")
    set(cache "$ENV{ROWCAST_CACHE}")
  elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
    set(cache "$ENV{XDG_CACHE_HOME}/rowcast")
  else()
    set(cache "$ENV{HOME}/.cache/rowcast")
  endif()
  set(${out} "${cache}/librdkafka/current" PARENT_SCOPE)
endfunction()

# The static library names its own dependencies nowhere but in a pkg-config
# file without versions, so they are written out: what scripts/setup builds in.
macro(_rdkafka_use_static root)
  find_package(PkgConfig REQUIRED)
  find_package(OpenSSL REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(Threads REQUIRED)
  pkg_check_modules(RdKafkaZstd REQUIRED IMPORTED_TARGET GLOBAL libzstd)
  pkg_check_modules(RdKafkaLz4 REQUIRED IMPORTED_TARGET GLOBAL liblz4)
  add_library(RdKafka::rdkafka STATIC IMPORTED GLOBAL)
  set_target_properties(RdKafka::rdkafka PROPERTIES
    IMPORTED_LOCATION "${root}/lib/librdkafka.a"
    INTERFACE_INCLUDE_DIRECTORIES "${root}/include"
    INTERFACE_COMPILE_DEFINITIONS LIBRDKAFKA_STATICLIB
    INTERFACE_LINK_LIBRARIES
      "OpenSSL::SSL;OpenSSL::Crypto;ZLIB::ZLIB;PkgConfig::RdKafkaZstd;PkgConfig::RdKafkaLz4;Threads::Threads;m;rt;${CMAKE_DL_LIBS}")
endmacro()

if(NOT TARGET RdKafka::rdkafka)
  set(RdKafka_VERSION "")
  set(_rdkafka_where "")

  set(_rdkafka_root "${ROWCAST_RDKAFKA_ROOT}")
  if(_rdkafka_root STREQUAL "" AND NOT "$ENV{ROWCAST_RDKAFKA_ROOT}" STREQUAL "")
    set(_rdkafka_root "$ENV{ROWCAST_RDKAFKA_ROOT}")
  endif()

  if(_rdkafka_root STREQUAL "")
    find_package(PkgConfig QUIET)
    if(PKG_CONFIG_FOUND)
      pkg_check_modules(RdKafkaSystem QUIET IMPORTED_TARGET GLOBAL
                        "rdkafka>=${_rdkafka_minimum}")
    endif()
    if(RdKafkaSystem_FOUND)
      set(RdKafka_VERSION "${RdKafkaSystem_VERSION}")
      add_library(RdKafka::rdkafka ALIAS PkgConfig::RdKafkaSystem)
      set(_rdkafka_where "${RdKafkaSystem_LIBDIR}")
    else()
      _rdkafka_default_root(_rdkafka_root)
    endif()
  endif()

  if(NOT TARGET RdKafka::rdkafka AND EXISTS "${_rdkafka_root}/lib/librdkafka.a")
    _rdkafka_header_version(
      "${_rdkafka_root}/include/librdkafka/rdkafka.h" RdKafka_VERSION)
    if(RdKafka_VERSION AND NOT RdKafka_VERSION VERSION_LESS _rdkafka_minimum)
      _rdkafka_use_static("${_rdkafka_root}")
      set(_rdkafka_where "${_rdkafka_root}")
    endif()
  endif()

  if(TARGET RdKafka::rdkafka)
    set(RdKafka_FOUND TRUE)
    if(NOT RdKafka_FIND_QUIETLY)
      message(STATUS "Found librdkafka ${RdKafka_VERSION} in ${_rdkafka_where}")
    endif()
  else()
    set(RdKafka_FOUND FALSE)
    set(_rdkafka_trouble "no librdkafka >= ${_rdkafka_minimum}: neither by \
pkg-config nor in ${_rdkafka_root}. Run scripts/setup, which builds one, or \
set ROWCAST_RDKAFKA_ROOT to the prefix of a static one.")
    if(RdKafka_FIND_REQUIRED)
      message(FATAL_ERROR "${_rdkafka_trouble}")
    elseif(NOT RdKafka_FIND_QUIETLY)
      message(STATUS "${_rdkafka_trouble}")
    endif()
  endif()
endif()
