//! Builds csrc/ into one shared library.
//!
//!   zig build                 zig-out/lib/libgpukit.so (.dylib, .dll), for this machine or -Dtarget
//!   zig build cross           the same for every target of `cross_targets`, in zig-out/cross/<target>/
//!   zig build ctest           every tests/native/*_test.c as a program, in zig-out/ctest/, and on Linux
//!                             those of tests/native/driver/
//!   zig build standin         the stand-in driver and its kernels, in zig-out/standin/ (Linux)
//!   zig build standin-checked the same with kernels that are watched, in zig-out/standin-checked/
//!   zig build ctest-aarch64   the same for aarch64 (static, so that qemu-user runs it), in zig-out/ctest-aarch64/
//!
//!   zig build gpu-bench       bench/gpu/launch.c, in zig-out/gpu-bench/
//!
//! Sources are found by folder, in sorted order: a new .c file needs no line here. A file named
//! *_simd.c is compiled once per instruction set with -DGK_ISA=<name>, all others once for the
//! lowest CPU of the architecture. scripts/sanitize.mjs repeats the instruction sets for gcc.
//!
//! -Dkernels=<folder> embeds the built kernels that scripts/kernels.mjs has put there, one fatbin for
//! each csrc/kernels/*.cu; without it the library holds a placeholder for each.

const std = @import("std");

/// Folders whose *.c files make up the library.
const source_dirs = [_][]const u8{ "csrc/core", "csrc/cpu", "csrc/cuda" };
const kernel_dir = "csrc/kernels";
const test_dir = "tests/native";
const standin_dir = "tests/native/driver";
const nvrtc_dir = "tests/native/driver/nvrtc";
/// What the NVRTC twin compiles users' kernels with: headers in shim/ beside its library, and in ../include,
/// where NVIDIA's wheels have them.
const shim_headers = [_][]const u8{ "shim.h", "standin.h", "nvrtc/user_shim.h", "nvrtc/user_math.h" };
const user_headers = [_][]const u8{ "cuda_fp16.h", "cuda_bf16.h", "cuda_half.inc" };
/// What runs kernels, without the driver: all that grid_test has of the stand-in.
const grid_files = [_][]const u8{ "grid.c", "switch.c", "fault.c", "watchdog.c", "library.c", "checker.c", "hooks.c" };

/// The oldest glibc that a built library runs on (RHEL 8, Debian 10, Ubuntu 18.10).
const glibc = std.SemanticVersion{ .major = 2, .minor = 28, .patch = 0 };

const cross_targets = [_][]const u8{
    "x86_64-linux-gnu.2.28",
    "aarch64-linux-gnu.2.28",
    "aarch64-macos",
    "x86_64-windows-gnu",
};

// Results must not depend on the compiler's mood: no contraction of a*b+c, no fast-math. Arrays are
// reinterpreted between dtypes all over, hence no strict aliasing. errno and floating-point traps
// are never read, and giving them up is what lets sqrt and comparisons vectorise.
const c_flags = [_][]const u8{
    "-std=gnu11",
    "-D_GNU_SOURCE",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
};
// Loops of unknown length are not unrolled beyond what vectorising does: that makes the library a fifth
// larger and nothing measurably faster. (-fno-unroll-loops would also leave loops over the few vectors
// of an accumulator, which then live in memory.)
const library_flags = c_flags ++ [_][]const u8{ "-O3", "-mllvm", "-unroll-runtime=false" };
// Test programs keep assert().
const test_flags = c_flags ++ [_][]const u8{ "-O1", "-UNDEBUG" };

// Zig names every feature of the target, the absent ones too, in -target-feature arguments, which
// win over -m flags; only later ones of the same kind win over those.
fn features(comptime names: []const []const u8) []const []const u8 {
    comptime {
        var flags: []const []const u8 = &.{};
        for (names) |name| flags = flags ++ [_][]const u8{ "-Xclang", "-target-feature", "-Xclang", "+" ++ name };
        return flags;
    }
}

// Kernels as C++ for the CPU: what shim.h declares is all they know of CUDA.
const kernel_flags = [_][]const u8{
    "-std=c++17",
    "-O2",
    "-include",
    standin_dir ++ "/shim.h",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-fno-exceptions",
    "-fno-rtti",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
};
// Calls at each access to memory, and where arithmetic is not defined; hooks.c answers them, so no
// sanitizer is linked (which is why the compiler's driver is not told).
const checked_flags = kernel_flags ++ [_][]const u8{
    "-DSTANDIN_CHECKED",
    "-Wno-nontrivial-memcall", // vectors, whose copies are watched
    "-g1",
    "-Xclang",
    "-fsanitize=thread,alignment,array-bounds,shift-exponent,integer-divide-by-zero,float-cast-overflow",
    "-Xclang",
    "-fno-sanitize-recover=all",
    "-mllvm",
    "-tsan-distinguish-volatile=1",
    "-mllvm",
    "-tsan-instrument-func-entry-exit=0",
};

const avx2_flags = features(&.{ "avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "popcnt" });
const avx512_flags = avx2_flags ++ features(&.{
    "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512vnni", "avx512bf16", "avx512vbmi", "avx512vbmi2",
}) ++ [_][]const u8{"-mprefer-vector-width=512"};

const Isa = struct { name: []const u8, flags: []const []const u8 };
const x86_isas = [_]Isa{
    .{ .name = "baseline", .flags = &.{} },
    .{ .name = "avx2", .flags = avx2_flags },
    .{ .name = "avx512", .flags = avx512_flags },
};
const arm_isas = [_]Isa{.{ .name = "neon", .flags = &.{} }};
const other_isas = [_]Isa{.{ .name = "baseline", .flags = &.{} }};

/// Flags of csrc/cuda/images.c alone: the kernel modules and what is embedded for them.
var image_flags: []const []const u8 = undefined;

pub fn build(b: *std.Build) void {
    image_flags = findImages(b, b.option([]const u8, "kernels", "Embed the built kernels of this folder"));
    var query = b.standardTargetOptionsQueryOnly(.{});
    // What the machine that builds happens to have must not end up in the library.
    if (query.cpu_model == .determined_by_arch_os) query.cpu_model = .baseline;
    var target = b.resolveTargetQuery(query);
    if (target.result.os.tag == .linux and target.result.abi == .gnu and query.glibc_version == null) {
        query.cpu_arch = target.result.cpu.arch;
        query.os_tag = .linux;
        query.abi = .gnu;
        query.glibc_version = glibc;
        target = b.resolveTargetQuery(query);
    }
    const library = addLibrary(b, target, .dynamic);
    b.getInstallStep().dependOn(&installInto(b, library, "lib").step);

    const cross = b.step("cross", "Build the library for every supported platform");
    for (cross_targets) |name| {
        const cross_library = addLibrary(b, parseTarget(b, name), .dynamic);
        cross.dependOn(&installInto(b, cross_library, b.fmt("cross/{s}", .{name})).step);
    }

    const ctest = b.step("ctest", "Build the C tests");
    addTests(b, ctest, target, "ctest");

    addStandin(b, b.step("standin", "Build the stand-in driver"), target, "standin", &kernel_flags);
    addStandin(b, b.step("standin-checked", "Build the stand-in driver with watched kernels"), target, "standin-checked", &checked_flags);
    if (target.result.os.tag == .linux) {
        addStandinTests(b, ctest, target);
        addStandin(b, ctest, target, "standin", &kernel_flags); // for faults_test
        addNvrtc(b, ctest, target, "standin-checked", true); // for nvrtc_test
    }

    addGpuBench(b, b.step("gpu-bench", "Build the launch benchmark in C"), target);

    const ctest_arm = b.step("ctest-aarch64", "Build the C tests for aarch64 Linux, static");
    addTests(b, ctest_arm, parseTarget(b, "aarch64-linux-musl"), "ctest-aarch64");
}

fn findImages(b: *std.Build, kernels: ?[]const u8) []const []const u8 {
    var modules: std.ArrayList(u8) = .empty;
    for (listFiles(b, kernel_dir, ".cu")) |file| {
        modules.print(b.allocator, "MODULE({s}) ", .{file[0 .. file.len - ".cu".len]}) catch @panic("OOM");
    }
    var flags: std.ArrayList([]const u8) = .empty;
    flags.appendSlice(b.allocator, &library_flags) catch @panic("OOM");
    flags.append(b.allocator, b.fmt("-DGK_MODULES={s}", .{modules.items})) catch @panic("OOM");
    if (kernels) |folder| {
        flags.append(b.allocator, "-Wno-c23-extensions") catch @panic("OOM"); // #embed
        flags.append(b.allocator, b.fmt("-DGK_EMBEDDED=\"{s}/images.inc\"", .{folder})) catch @panic("OOM");
    }
    return flags.items;
}

fn parseTarget(b: *std.Build, name: []const u8) std.Build.ResolvedTarget {
    const query = std.Build.parseTargetQuery(.{ .arch_os_abi = name }) catch @panic("bad target in build.zig");
    return b.resolveTargetQuery(query);
}

fn createModule(b: *std.Build, target: std.Build.ResolvedTarget, strip: bool) *std.Build.Module {
    const module = b.createModule(.{
        .target = target,
        .optimize = .fast,
        .link_libc = true,
        .strip = strip,
        .pic = true,
        // Zig's default traps on undefined behaviour; scripts/sanitize.mjs looks for it instead.
        .sanitize_c = .off,
    });
    module.addIncludePath(b.path("csrc"));
    return module;
}

fn addLibrary(b: *std.Build, target: std.Build.ResolvedTarget, linkage: std.builtin.LinkMode) *std.Build.Step.Compile {
    const module = createModule(b, target, linkage == .dynamic);
    const isas: []const Isa = switch (target.result.cpu.arch) {
        .x86_64 => &x86_isas,
        .aarch64 => &arm_isas,
        else => &other_isas,
    };
    for (source_dirs) |dir| {
        for (listFiles(b, dir, ".c")) |name| {
            const file = b.path(b.pathJoin(&.{ dir, name }));
            if (std.mem.eql(u8, name, "images.c")) {
                module.addCSourceFile(.{ .file = file, .flags = image_flags });
                continue;
            }
            if (!std.mem.endsWith(u8, name, "_simd.c")) {
                module.addCSourceFile(.{ .file = file, .flags = &library_flags });
                continue;
            }
            for (isas) |isa| {
                var flags: std.ArrayList([]const u8) = .empty;
                flags.appendSlice(b.allocator, &library_flags) catch @panic("OOM");
                flags.append(b.allocator, b.fmt("-DGK_ISA={s}", .{isa.name})) catch @panic("OOM");
                flags.appendSlice(b.allocator, isa.flags) catch @panic("OOM");
                module.addCSourceFile(.{ .file = file, .flags = flags.items });
            }
        }
    }
    const library = b.addLibrary(.{ .name = "gpukit", .root_module = module, .linkage = linkage });
    // A missing function fails here and not when somebody loads the library.
    library.link_z_defs = linkage == .dynamic;
    return library;
}

/// The launch from C that npm run gpu:verify compares with: a program of the same objects.
fn addGpuBench(b: *std.Build, step: *std.Build.Step, target: std.Build.ResolvedTarget) void {
    if (target.result.os.tag != .linux) {
        step.dependOn(&b.addFail("the benchmark of launches runs on Linux only").step);
        return;
    }
    const module = createModule(b, target, true);
    module.addCSourceFile(.{ .file = b.path("bench/gpu/launch.c"), .flags = &library_flags });
    module.linkLibrary(addLibrary(b, target, .static));
    const program = b.addExecutable(.{ .name = "launch", .root_module = module });
    step.dependOn(&installInto(b, program, "gpu-bench").step);
}

/// One program per test, against a static library of the same objects: internal functions are
/// reachable there. On Linux beside them libraries that they open, of files named *_library.c.
fn addTests(b: *std.Build, step: *std.Build.Step, target: std.Build.ResolvedTarget, dir: []const u8) void {
    const library = addLibrary(b, target, .static);
    for (listFiles(b, test_dir, "_test.c")) |name| {
        const module = createModule(b, target, false);
        module.addCSourceFile(.{
            .file = b.path(b.pathJoin(&.{ test_dir, name })),
            .flags = &test_flags,
        });
        module.linkLibrary(library);
        const program = b.addExecutable(.{
            .name = name[0 .. name.len - ".c".len],
            .root_module = module,
            .linkage = if (target.result.abi == .musl) .static else null,
        });
        step.dependOn(&installInto(b, program, dir).step);
    }
    if (target.result.os.tag != .linux or target.result.abi == .musl) return;
    for (listFiles(b, test_dir, "_library.c")) |name| {
        const module = createModule(b, target, false);
        module.addCSourceFile(.{
            .file = b.path(b.pathJoin(&.{ test_dir, name })),
            .flags = &test_flags,
        });
        const opened = b.addLibrary(.{
            .name = name[0 .. name.len - ".c".len],
            .root_module = module,
            .linkage = .dynamic,
        });
        step.dependOn(&installInto(b, opened, dir).step);
    }
}

/// libcuda.so, as the product opens it by name, and beside it the kernels of csrc/kernels/.
fn addStandin(b: *std.Build, step: *std.Build.Step, target: std.Build.ResolvedTarget, dir: []const u8, flags: []const []const u8) void {
    if (target.result.os.tag != .linux) {
        step.dependOn(&b.addFail("the stand-in driver runs on Linux only").step);
        return;
    }
    const module = createModule(b, target, false);
    for (listFiles(b, standin_dir, ".c")) |name| {
        if (!std.mem.endsWith(u8, name, "_test.c")) addStandinSource(b, module, name);
    }
    const driver = b.addLibrary(.{ .name = "cuda", .root_module = module, .linkage = .dynamic });
    driver.link_z_defs = true;
    step.dependOn(&installInto(b, driver, dir).step);
    addNvrtc(b, step, target, dir, flags.len == checked_flags.len);
    const files = listFiles(b, kernel_dir, ".cu");
    if (files.len == 0) return;
    const kernels = addKernels(b, target, "standin_kernels", kernel_dir, files, flags);
    step.dependOn(&installInto(b, kernels, dir).step);
}

/// libnvrtc.so, which compiles users' kernels for the stand-in by means of this very Zig.
fn addNvrtc(b: *std.Build, step: *std.Build.Step, target: std.Build.ResolvedTarget, dir: []const u8, checked: bool) void {
    const module = createModule(b, target, false);
    const zig = b.fmt("-DSTANDIN_ZIG=\"{s}\"", .{b.graph.zig_exe});
    const flags = c_flags ++ [_][]const u8{"-O2"};
    for (listFiles(b, nvrtc_dir, ".c")) |name| {
        const all = std.mem.concat(b.allocator, []const u8, &.{
            &flags, &.{zig}, if (checked) &.{"-DSTANDIN_CHECKED"} else &.{},
        }) catch @panic("OOM");
        module.addCSourceFile(.{ .file = b.path(b.pathJoin(&.{ nvrtc_dir, name })), .flags = all });
    }
    const library = b.addLibrary(.{ .name = "nvrtc", .root_module = module, .linkage = .dynamic });
    library.link_z_defs = true;
    step.dependOn(&installInto(b, library, dir).step);
    for (shim_headers) |name| addHeader(b, step, name, b.pathJoin(&.{ dir, "shim", std.fs.path.basename(name) }));
    for (user_headers) |name| addHeader(b, step, b.pathJoin(&.{ "nvrtc", name }), b.pathJoin(&.{ "include", name }));
}

fn addHeader(b: *std.Build, step: *std.Build.Step, name: []const u8, to: []const u8) void {
    step.dependOn(&b.addInstallFile(b.path(b.pathJoin(&.{ standin_dir, name })), to).step);
}

/// The programs that test the stand-in, with the library of kernels that only they use, plain and watched.
fn addStandinTests(b: *std.Build, step: *std.Build.Step, target: std.Build.ResolvedTarget) void {
    const dir = "ctest";
    for (listFiles(b, standin_dir, "_test.c")) |name| {
        const module = createModule(b, target, false);
        module.addCSourceFile(.{ .file = b.path(b.pathJoin(&.{ standin_dir, name })), .flags = &test_flags });
        const alone = std.mem.eql(u8, name, "grid_test.c");
        for (if (alone) &grid_files else listFiles(b, standin_dir, ".c")) |file| {
            if (!std.mem.endsWith(u8, file, "_test.c")) addStandinSource(b, module, file);
        }
        const program = b.addExecutable(.{ .name = name[0 .. name.len - ".c".len], .root_module = module });
        program.rdynamic = true; // kernels call back
        step.dependOn(&installInto(b, program, dir).step);
    }
    const plain = addKernels(b, target, "kernels_test", standin_dir, &.{"kernels_test.cu"}, &kernel_flags);
    step.dependOn(&installInto(b, plain, dir).step);
    const checked = addKernels(b, target, "kernels_test_checked", standin_dir, &.{"kernels_test.cu"}, &checked_flags);
    step.dependOn(&installInto(b, checked, dir).step);
}

fn addStandinSource(b: *std.Build, module: *std.Build.Module, name: []const u8) void {
    module.addCSourceFile(.{
        .file = b.path(b.pathJoin(&.{ standin_dir, name })),
        .flags = &(c_flags ++ [_][]const u8{"-O2"}),
    });
}

/// Kernels as a library whose undefined symbols are the stand-in's.
fn addKernels(b: *std.Build, target: std.Build.ResolvedTarget, name: []const u8, dir: []const u8, files: []const []const u8, flags: []const []const u8) *std.Build.Step.Compile {
    const module = createModule(b, target, false);
    module.addIncludePath(b.path(standin_dir));
    module.addIncludePath(b.path(dir));
    // By way of a .cpp file each: Zig does not ask the compiler what a .cu file includes, and would take what
    // it has built before for up to date when only a header has changed.
    const wrappers = b.addWriteFiles();
    for (files) |file| {
        const text = b.fmt("#include \"{s}\"\n", .{file});
        module.addCSourceFile(.{ .file = wrappers.add(b.fmt("{s}.cpp", .{file}), text), .flags = flags });
    }
    const kernels = b.addLibrary(.{ .name = name, .root_module = module, .linkage = .dynamic });
    kernels.linker_allow_shlib_undefined = true;
    return kernels;
}

fn installInto(b: *std.Build, compile: *std.Build.Step.Compile, dir: []const u8) *std.Build.Step.InstallArtifact {
    return b.addInstallArtifact(compile, .{
        .dest_dir = .{ .override = .{ .custom = dir } },
        .pdb_dir = .disabled,
        .implib_dir = .disabled,
        .h_dir = .disabled,
    });
}

/// The names in `dir` that end in `suffix`, sorted; none where the folder does not exist.
fn listFiles(b: *std.Build, dir: []const u8, suffix: []const u8) []const []const u8 {
    const io = b.graph.io;
    var names: std.ArrayList([]const u8) = .empty;
    var handle = b.root.openDir(io, dir, .{ .iterate = true }) catch |err| switch (err) {
        error.FileNotFound => {
            // A folder that may appear later cannot be tracked by name.
            b.graph.poisonCache();
            return names.items;
        },
        else => std.process.fatal("cannot list {s}: {t}", .{ dir, err }),
    };
    defer handle.close(io);
    b.dependOnDirectoryContents(b.path(dir));
    var it = handle.iterate();
    while (it.next(io) catch |err| std.process.fatal("cannot list {s}: {t}", .{ dir, err })) |entry| {
        if (entry.kind == .file and std.mem.endsWith(u8, entry.name, suffix)) {
            names.append(b.allocator, b.dupe(entry.name)) catch @panic("OOM");
        }
    }
    std.mem.sort([]const u8, names.items, {}, lessThan);
    return names.items;
}

fn lessThan(_: void, a: []const u8, c: []const u8) bool {
    return std.mem.lessThan(u8, a, c);
}
