using Serving.Inference;
using Xunit;

namespace Serving.Tests.Inference;

public sealed class KvSlotsTests
{
    private readonly CandidateGroup _group = new(new SampleRequest([1], new SamplingParameters(), 1), 8, null, streams: false);

    [Fact]
    public void Active_rows_stay_a_prefix_and_the_account_sums_to_the_capacity()
    {
        var random = new Random(5);
        var slots = new KvSlots(7);
        var memory = new Sequence?[7];       // what a decoder would hold, moved as Release says
        var live = new HashSet<Sequence>();
        for (var i = 0; i < 2000; i++)
        {
            if (slots.Free > 0 && (slots.Active == 0 || random.Next(2) == 0))
            {
                var sequence = new Sequence(_group, i, 8);
                memory[slots.Reserve(sequence)] = sequence;
                live.Add(sequence);
            }
            else
            {
                var row = random.Next(slots.Active);
                live.Remove(slots[row]);
                memory[row] = memory[slots.Release(row)];
            }

            Assert.Equal(slots.Capacity, slots.Active + slots.Free);
            Assert.Equal(live.Count, slots.Active);
            for (var row = 0; row < slots.Active; row++)
            {
                Assert.Same(memory[row], slots[row]);
                Assert.Contains(slots[row], live);
            }
        }
    }

    [Fact]
    public void A_full_account_gives_no_slot_and_a_free_slot_has_no_sequence()
    {
        var slots = new KvSlots(1);
        Assert.Throws<InvalidOperationException>(() => slots[0]);
        slots.Reserve(new Sequence(_group, 0, 8));
        Assert.Throws<InvalidOperationException>(() => slots.Reserve(new Sequence(_group, 1, 8)));
    }
}
