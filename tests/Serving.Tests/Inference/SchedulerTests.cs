using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class SchedulerTests
{
    private const int Chunk = 16;

    [Fact]
    public void Nothing_to_do_is_idle() =>
        Assert.Equal(StepKind.Idle, Scheduler.Next(new EngineState(Active: 0, Free: 4, Waiting: 0, PromptLength: 0, Prefilled: 0, PrefilledLast: false), Chunk).Kind);

    [Fact]
    public void Chunks_of_a_prompt_alternate_with_decode_steps_while_rows_are_active()
    {
        var first = Scheduler.Next(new EngineState(2, 2, 0, 40, 0, PrefilledLast: false), Chunk);
        var second = Scheduler.Next(new EngineState(2, 2, 0, 40, 16, PrefilledLast: true), Chunk);
        var third = Scheduler.Next(new EngineState(2, 2, 0, 40, 16, PrefilledLast: false), Chunk);

        Assert.Equal(new StepPlan(StepKind.Prefill, 0, 0, 16), first);
        Assert.Equal(new StepPlan(StepKind.Decode, 0, 0, 2), second);
        Assert.Equal(new StepPlan(StepKind.Prefill, 0, 16, 16), third);
    }

    [Fact]
    public void A_prompt_alone_is_prefilled_without_pause_and_its_last_chunk_is_what_is_left() =>
        Assert.Equal(new StepPlan(StepKind.Prefill, 0, 32, 8), Scheduler.Next(new EngineState(0, 4, 0, 40, 32, PrefilledLast: true), Chunk));

    [Fact]
    public void Chunks_do_not_depend_on_the_load()
    {
        foreach (var active in new[] { 0, 1, 7 })
        {
            var plan = Scheduler.Next(new EngineState(active, 8 - active, 0, 40, 16, PrefilledLast: false), Chunk);
            Assert.Equal((StepKind.Prefill, 16, 16), (plan.Kind, plan.Start, plan.Count));
        }
    }

    [Theory]
    [InlineData(1, 3, 5, 3, 4)]        // as many as are free
    [InlineData(1, 3, 2, 2, 3)]        // as many as wait
    [InlineData(4, 0, 2, 0, 4)]        // none is free: decoding goes on
    public void Waiting_candidates_take_free_rows_before_the_step(int active, int free, int waiting, int admitted, int rows) =>
        Assert.Equal(new StepPlan(StepKind.Decode, admitted, 0, rows), Scheduler.Next(new EngineState(active, free, waiting, 20, 20, PrefilledLast: true), Chunk));
}
