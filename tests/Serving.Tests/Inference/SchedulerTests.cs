using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class SchedulerTests
{
    private const int Chunk = 128;

    [Fact]
    public void Nothing_to_do_is_idle() =>
        Assert.True(Scheduler.Next(new EngineState(Active: 0, PromptLength: 0, Prefilled: 0), Chunk).Idle);

    [Theory]
    [InlineData(0, 300, 0, 128)]           // alone: the largest piece
    [InlineData(0, 300, 256, 44)]          // and what is left
    [InlineData(1, 300, 0, 16)]            // beside a running answer: a small piece
    [InlineData(8, 300, 0, 16)]
    [InlineData(30, 300, 0, 30)]           // that grows with what runs anyway
    [InlineData(8, 300, 290, 10)]
    [InlineData(8, 300, 300, 0)]           // done, and waiting for rows
    [InlineData(0, 200_000, 4_000, 128)]
    [InlineData(0, 200_000, 20_000, 52)]   // late in a very long prompt: less, so that its scores fit into memory
    [InlineData(0, 200_000, 150_000, 16)]
    public void A_prompt_comes_in_beside_the_running_answers_in_pieces_that_do_not_hold_them_up(int active, int length, int prefilled, int piece) =>
        Assert.Equal(new StepPlan(active, piece), Scheduler.Next(new EngineState(active, length, prefilled), Chunk));
}
