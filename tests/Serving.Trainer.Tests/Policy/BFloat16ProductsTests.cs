using Serving.Trainer.Loop;
using Serving.Trainer.Policy;
using Xunit;

namespace Serving.Trainer.Tests.Policy;

public sealed class BFloat16ProductsTests
{
    private const string CpuInfo = "/proc/cpuinfo";

    [Fact]
    public void They_are_fast_where_Linux_lists_the_instructions()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && System.Runtime.Intrinsics.X86.X86Base.IsSupported, "Linux on x86 lists a processor's instructions.");
        var flags = File.ReadLines(CpuInfo).First(line => line.StartsWith("flags", StringComparison.Ordinal)).Split(' ');

        Assert.Equal(flags.Contains("avx512_bf16") || flags.Contains("amx_bf16"), BFloat16Products.AreFast);
    }

    [Fact]
    public void A_run_uses_them_only_where_they_are_fast() => Assert.Equal(BFloat16Products.AreFast, new TrainerOptions().BFloat16);
}
