using System.Text;
using Serving.Episodes;
using Serving.Testing;

namespace Serving.Tests.Episodes;

public sealed class EpisodeRecordTests
{
    [Fact]
    public void Written_equals_read_whatever_the_values()
    {
        var random = new Random(20260304);
        for (var i = 0; i < 400; i++)
        {
            var episode = EpisodeSamples.Random(random);

            var back = EpisodeDecoder.Decode(Payload(episode));

            Assert.Equal(EpisodeSamples.Describe(episode), EpisodeSamples.Describe(back));
        }
    }

    [Fact]
    public void Equal_episodes_give_equal_bytes()
    {
        Assert.Equal(Payload(EpisodeSamples.Random(new Random(3))), Payload(EpisodeSamples.Random(new Random(3))));
    }

    [Fact]
    public void The_id_stands_in_the_record_as_plain_text()
    {
        Assert.NotEqual(-1, Payload(EpisodeSamples.Small("chatcmpl-abc")).AsSpan().IndexOf("chatcmpl-abc"u8));
    }

    [Theory]
    [InlineData(true, false, 0f, 1L)]
    [InlineData(false, false, 1f, 0L)]
    [InlineData(true, true, 1f, 0L)]
    public void The_two_steps_follow_sar(bool finished, bool invalid, float discount, long terminal)
    {
        var small = EpisodeSamples.Small("a");
        var episode = small with { Invalid = invalid, Candidates = [small.Candidates[0] with { Finished = finished, Total = 0.1, Text = "out" }] };

        var record = TfExample.Parse(Payload(episode)).Features;

        Assert.Equal([1L, 0], record["steps/is_first"].Int64s);
        Assert.Equal([0L, 1], record["steps/is_last"].Int64s);
        Assert.Equal([0L, terminal], record["steps/is_terminal"].Int64s);
        Assert.Equal([discount, 0f], record["steps/discount"].Floats);
        Assert.Equal([0.1f, 0f], record["steps/reward"].Floats);
        Assert.Equal(["out", ""], record["steps/action/text"].Bytes.Select(b => Encoding.UTF8.GetString(b.Span)));
        Assert.Equal(episode.Candidates[0].Tokens, ZlibTensor.Read<int>(record["steps/action/tokens"].Bytes[0]));
        Assert.Equal(0.1, Assert.Single(ZlibTensor.Read<double>(record["steps/candidates/totals"].Bytes[0])));
    }

    [Fact]
    public void An_episode_that_breaks_its_rules_is_refused_by_name()
    {
        var small = EpisodeSamples.Small("x1");
        var candidate = small.Candidates[0];

        Refused(small with { Chosen = 1 }, "Episode 'x1': Chosen is 1, but there are 1 candidates.");
        Refused(small with { Candidates = [] }, "Episode 'x1': Chosen is 0, but there are 0 candidates.");
        Refused(small with { Candidates = [candidate, candidate with { LogProbs = [0] }] }, "candidate 1: 3 Tokens need as many LogProbs");
        Refused(small with { Candidates = [candidate, candidate with { Scores = [] }] }, "candidate 1: Scores must name the same scorers");
        Refused(small with { Prompt = "a\uD83D" }, "Prompt has half of a surrogate pair at index 1");
        Refused(small with { Created = DateTimeOffset.MinValue }, "Created is 0001-01-01");
    }

    [Fact]
    public void A_record_whose_fields_contradict_each_other_names_the_field()
    {
        Damaged("episode_id", new TfValue(TfKind.Int64), "field 'episode_id': it holds 1 values of kind Int64 where 1 of kind Bytes belong");
        Damaged("chosen", null, "field 'chosen': it is missing");
        Damaged("steps/candidates/tokens", new TfValue(TfKind.Bytes, "junk"), "field 'steps/candidates/tokens': no zlib stream");
        Damaged("steps/candidates/texts", new TfValue(TfKind.Bytes, "[]"), "field 'steps/candidates/texts': 0 texts for 1 candidates");
        Damaged("steps/candidates/texts", new TfValue(TfKind.Bytes, "{}"), "field 'steps/candidates/texts': no JSON array of strings");
    }

    private static void Refused(Episode episode, string message) =>
        Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(() => EpisodeEncoder.Encode(episode)).Message, StringComparison.Ordinal);

    private static byte[] Payload(Episode episode)
    {
        var frame = EpisodeEncoder.Encode(episode);
        var payload = frame.Memory[TfRecord.HeaderBytes..^TfRecord.FooterBytes].ToArray();
        frame.Return();
        return payload;
    }

    /// <summary>The record of a small episode, written again with one field changed or left out.</summary>
    private static void Damaged(string key, TfValue? value, string message)
    {
        using var writer = new ExampleWriter();
        foreach (var (name, feature) in TfExample.Parse(Payload(EpisodeSamples.Small("a"))).Features.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            var utf8 = Encoding.UTF8.GetBytes(name);
            if (name != key)
            {
                Copy(writer, utf8, feature);
            }
            else if (value is { Kind: TfKind.Int64 })
            {
                writer.Int64(utf8, 1);
            }
            else if (value is not null)
            {
                writer.Bytes(utf8, Encoding.UTF8.GetBytes(value.Text), []);
            }
        }

        var frame = writer.Finish();
        var payload = frame.Memory[TfRecord.HeaderBytes..^TfRecord.FooterBytes];

        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => EpisodeDecoder.Decode(payload)).Message, StringComparison.Ordinal);
    }

    private static void Copy(ExampleWriter writer, byte[] name, TfFeature feature)
    {
        switch (feature.Kind)
        {
            case TfKind.Int64:
                writer.Int64(name, [.. feature.Int64s]);
                break;
            case TfKind.Float:
                writer.Float(name, [.. feature.Floats]);
                break;
            default:
                if (feature.Count == 1)
                {
                    writer.Bytes(name, feature.Bytes[0].Span);
                }
                else
                {
                    writer.Bytes(name, feature.Bytes[0].Span, feature.Bytes[1].Span);
                }

                break;
        }
    }

    private sealed record TfValue(TfKind Kind, string Text = "");
}
