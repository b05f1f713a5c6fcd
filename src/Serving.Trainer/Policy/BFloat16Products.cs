using System.Runtime.Intrinsics.X86;

namespace Serving.Trainer.Policy;

/// <summary>Whether products in bfloat16 pay on this machine.</summary>
public static class BFloat16Products
{
    private const int Features = 7;
    private const int Avx512BFloat16 = 1 << 5;      // leaf 7.1, EAX
    private const int AmxBFloat16 = 1 << 22;        // leaf 7.0, EDX

    /// <summary>
    /// The processor multiplies in bfloat16 (AVX512-BF16 or AMX-BF16). Others convert every operand back and forth: tens of times slower than fp32.
    /// </summary>
    public static bool AreFast { get; } = HasInstructions();

    private static bool HasInstructions()
    {
        if (!X86Base.IsSupported || X86Base.CpuId(0, 0).Eax < Features)
        {
            return false;
        }

        var (subleaves, _, _, edx) = X86Base.CpuId(Features, 0);
        return (edx & AmxBFloat16) != 0 || (subleaves >= 1 && (X86Base.CpuId(Features, 1).Eax & Avx512BFloat16) != 0);
    }
}
