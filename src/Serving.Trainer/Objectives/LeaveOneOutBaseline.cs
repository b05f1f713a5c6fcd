using TorchSharp;
using static TorchSharp.torch;

namespace Serving.Trainer.Objectives;

/// <summary>The baseline of every policy gradient here: the mean return of the other samples, which depends on nothing that the own sample did. Pure functions.</summary>
public static class LeaveOneOutBaseline
{
    /// <summary>R - B with B the mean of the other entries; R itself when there is no other. No gradient.</summary>
    /// <param name="returns">[P].</param>
    public static Tensor Subtract(Tensor returns)
    {
        using var scope = NewDisposeScope();
        var fixedReturns = returns.detach();
        var count = fixedReturns.shape[0];
        return (count == 1 ? fixedReturns.alias() : (fixedReturns - fixedReturns.mean()) * (count / (count - 1.0))).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// R - B with B the mean of the other samples of the same prompt (BOND section 6 takes two a prompt). A prompt with a single sample has no others:
    /// it gets the mean over the other prompts' samples instead. No gradient.
    /// </summary>
    /// <param name="returns">[P].</param>
    /// <param name="prompt">Prompt of every sample, from 0 to <paramref name="prompts"/> - 1, int64 [P].</param>
    /// <param name="prompts">Number of prompts.</param>
    public static Tensor Subtract(Tensor returns, Tensor prompt, int prompts)
    {
        using var scope = NewDisposeScope();
        var fixedReturns = returns.detach();
        var count = zeros(prompts, returns.dtype, returns.device).index_add(0, prompt, ones_like(fixedReturns), 1).index_select(0, prompt);        // [P]
        var sum = zeros(prompts, returns.dtype, returns.device).index_add(0, prompt, fixedReturns, 1).index_select(0, prompt);                     // [P]
        var within = fixedReturns - ((sum - fixedReturns) / (count - 1).clamp_min(1));
        return where(count.gt(1), within, Subtract(fixedReturns)).MoveToOuterDisposeScope();
    }
}
