/* Lets msgspec 0.20.0 be compiled for free-threaded CPython 3.13; scripts/bootstrap.sh has gcc include it first.
 *
 * msgspec refuses that build ("Py_GIL_DISABLED is only supported in Python 3.14+") for one reason that shows in its
 * source: it fills the head of its few static objects by field order, as 3.14 has them. 3.13t has the same fields in
 * the same order, except that what is `ob_flags` in 3.14 is `_padding` there, which is to be zero. So msgspec is told
 * that this is 3.14, after Python.h was read as what it is; it asks for the version nowhere else in a way that
 * matters. Only this release: later ones use more of 3.14.
 */
#include "Python.h"

#if !defined(Py_GIL_DISABLED) || PY_VERSION_HEX < 0x030D0000 || PY_VERSION_HEX >= 0x030E0000
#error "msgspec_on_3_13t.h is for free-threaded CPython 3.13 alone"
#endif

#define _Py_STATICALLY_ALLOCATED_FLAG 0
#undef PY_VERSION_HEX
#define PY_VERSION_HEX 0x030E00F0
