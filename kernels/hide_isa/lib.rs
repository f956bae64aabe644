//! A library to preload into tests: it hides vector instructions from the whole process, from our
//! kernels as well as from every dependency that asks the processor what it has.
//!
//! `LD_PRELOAD=libwordpaint_hide_isa.so WORDPAINT_ISA=avx2 PROGRAM` sees no AVX-512;
//! `WORDPAINT_ISA=portable` no AVX at all. Linux lets a thread fault on `cpuid` where the processor
//! can (`cpuid_fault` in `/proc/cpuinfo`); the handler answers with the bits cleared. Threads inherit
//! that, programs that the process starts load the library again. On other systems, and where the
//! processor cannot, it does nothing.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::arch::x86_64::{__cpuid_count, CpuidResult};
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

/// `ARCH_SET_CPUID` of `asm/prctl.h`.
const ARCH_SET_CPUID: c_int = 0x1012;
/// Leaf 7, EBX: AVX-512 F, DQ, IFMA, PF, ER, CD, BW, VL.
const AVX512_B: u32 = 1 << 16 | 1 << 17 | 1 << 21 | 1 << 26 | 1 << 27 | 1 << 28 | 1 << 30 | 1 << 31;
/// Leaf 7, ECX: AVX-512 VBMI, VBMI2, VNNI, BITALG, VPOPCNTDQ.
const AVX512_C: u32 = 1 << 1 | 1 << 6 | 1 << 11 | 1 << 12 | 1 << 14;
/// Leaf 7, EDX: AVX-512 4VNNIW, 4FMAPS, VP2INTERSECT, FP16 and the AMX tiles.
const AVX512_D: u32 = 1 << 2 | 1 << 3 | 1 << 8 | 1 << 22 | 1 << 23 | 1 << 24 | 1 << 25;
/// Leaf 7, EBX: AVX2, BMI1, BMI2.
const AVX2_B: u32 = 1 << 5 | 1 << 3 | 1 << 8;
/// Leaf 7, ECX: VAES, VPCLMULQDQ, which work on AVX registers.
const AVX2_C: u32 = 1 << 9 | 1 << 10;
/// Leaf 1, ECX: FMA, AVX, F16C.
const AVX_C: u32 = 1 << 12 | 1 << 28 | 1 << 29;

static IS_PORTABLE: AtomicBool = AtomicBool::new(false);

/// The dynamic loader runs this before `main`.
#[used]
// SAFETY: the section holds pointers to functions without arguments that return nothing; this is one.
#[unsafe(link_section = ".init_array")]
static INIT: extern "C" fn() = hide;

extern "C" fn hide() {
    match std::env::var("WORDPAINT_ISA").as_deref() {
        Ok("avx2") => {}
        Ok("portable") => IS_PORTABLE.store(true, Ordering::Relaxed),
        _ => return,
    }
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = answer;
    // SAFETY: an all-zero `sigaction` is a valid one with an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `action` lives through the call, and the handler has the signature that SA_SIGINFO asks for.
    if unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()) } == 0 {
        set_fault(true);
    }
}

/// Makes `cpuid` fault in this thread, or not. Without effect where the processor cannot.
fn set_fault(is_on: bool) {
    // SAFETY: this call of `arch_prctl` changes a flag of the thread and touches no memory.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_CPUID, c_int::from(!is_on)) };
}

extern "C" fn answer(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel hands a handler with SA_SIGINFO the interrupted thread's `ucontext_t`.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let instruction = registers[libc::REG_RIP as usize] as *const [u8; 2];
    // SAFETY: a faulting instruction is readable where it was fetched; where a wild pointer was
    // called instead, reading faults within the handler, which ends the process as it should.
    if unsafe { instruction.read_unaligned() } != [0x0f, 0xa2] {
        // SAFETY: restoring the default action; the faulting instruction then runs into it again.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        return;
    }
    let leaf = registers[libc::REG_RAX as usize] as u32;
    let part = registers[libc::REG_RCX as usize] as u32;
    set_fault(false);
    let found = hidden(leaf, part, __cpuid_count(leaf, part));
    set_fault(true);
    registers[libc::REG_RAX as usize] = i64::from(found.eax);
    registers[libc::REG_RBX as usize] = i64::from(found.ebx);
    registers[libc::REG_RCX as usize] = i64::from(found.ecx);
    registers[libc::REG_RDX as usize] = i64::from(found.edx);
    registers[libc::REG_RIP as usize] += 2;
}

/// What the processor is said to have.
fn hidden(leaf: u32, part: u32, mut found: CpuidResult) -> CpuidResult {
    let is_portable = IS_PORTABLE.load(Ordering::Relaxed);
    match (leaf, part) {
        (1, _) if is_portable => found.ecx &= !AVX_C,
        (7, 0) => {
            found.ebx &= !AVX512_B;
            found.ecx &= !AVX512_C;
            found.edx &= !AVX512_D;
            if is_portable {
                found.ebx &= !AVX2_B;
                found.ecx &= !AVX2_C;
            }
        }
        // AVX-VNNI, AVX-512 BF16, AVX-IFMA, AVX10 and what else works on wide registers.
        (7, 1) => (found.eax, found.edx) = (0, 0),
        _ => {}
    }
    found
}
