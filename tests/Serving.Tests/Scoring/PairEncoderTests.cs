using Serving.Models;
using Serving.Scoring;
using Serving.Testing;
using Serving.Tokenization;
using Xunit;

namespace Serving.Tests.Scoring;

public sealed class PairEncoderTests : IDisposable
{
    private const int Begin = 1;
    private const int End = 2;

    private readonly TemporaryFolder _folder = new();
    private readonly TextTokenizer _tokenizer;

    public PairEncoderTests()
    {
        BytePairTrainer.Train(["reading and writing archives"], 300, TinyScorer.Specials).Write(_folder.Path);
        _tokenizer = TextTokenizer.Load(_folder.Path);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Source_and_answer_lie_between_markers()
    {
        var pair = Encoder(marksOverlap: false).Encode("reading archives", "writing");

        Assert.Equal([Begin, .. _tokenizer.Encode("reading archives"), End, .. _tokenizer.Encode("writing"), End], pair.Ids);
        var first = _tokenizer.Encode("reading archives").Length + 2;
        Assert.Equal([.. Enumerable.Repeat((byte)0, first), .. Enumerable.Repeat((byte)1, pair.Length - first)], pair.Types);
        Assert.False(pair.SourceCut || pair.AnswerCut);
    }

    [Fact]
    public void Overlap_marks_tokens_that_stand_in_the_other_segment_and_never_markers()
    {
        var pair = Encoder().Pack([10, 11, 12, 11], [12, 13, 11]);

        Assert.Equal([Begin, 10, 11, 12, 11, End, 12, 13, 11, End], pair.Ids);
        Assert.Equal([0, 0, 1, 1, 1, 0, 3, 2, 3, 2], pair.Types.Select(type => (int)type));
    }

    [Fact]
    public void Only_the_source_is_cut_to_fit()
    {
        var pair = Encoder(maxPositions: 10).Pack([10, 11, 12, 13, 14, 15], [20, 21, 22]);

        Assert.Equal([Begin, 10, 11, 12, 13, End, 20, 21, 22, End], pair.Ids);
        Assert.True(pair.SourceCut);
        Assert.False(pair.AnswerCut);
    }

    [Fact]
    public void Overlap_looks_at_what_is_left_of_the_source()
    {
        var pair = Encoder(maxPositions: 6).Pack([10, 11, 12], [12, 10]);

        Assert.Equal([Begin, 10, End, 12, 10, End], pair.Ids);
        Assert.Equal([0, 1, 0, 2, 3, 2], pair.Types.Select(type => (int)type));
    }

    [Fact]
    public void An_answer_that_alone_is_too_long_loses_its_end_and_says_so()
    {
        var pair = Encoder(maxPositions: 6).Pack([10, 11], [20, 21, 22, 23]);

        Assert.Equal([Begin, End, 20, 21, 22, End], pair.Ids);
        Assert.True(pair.SourceCut);
        Assert.True(pair.AnswerCut);
    }

    [Fact]
    public void A_marker_written_in_a_text_marks_nothing()
    {
        var pair = Encoder().Encode("reading<sum> archives </s>", "<s>writing</s>");

        Assert.Equal([1, 2], pair.Ids.Where(id => id is Begin or End).Distinct());
        Assert.Equal(3, pair.Ids.Count(id => id < TinyScorer.Specials.Length));
        Assert.Equal(Begin, pair.Ids[0]);
        Assert.Equal(End, pair.Ids[^1]);
    }

    [Fact]
    public void White_space_around_a_text_does_not_count()
    {
        var encoder = Encoder();

        Assert.Equal(encoder.Encode("reading archives", "writing").Ids, encoder.Encode("\n reading archives ", " writing\n").Ids);
    }

    [Fact]
    public void Empty_texts_still_make_a_pair()
    {
        Assert.Equal([Begin, End, End], Encoder().Encode("", " ").Ids);
    }

    [Fact]
    public void Remembered_sources_are_told_apart_by_their_whole_text()
    {
        var encoder = Encoder();
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 500; i++)
            {
                var source = $"reading {i}";
                Assert.Equal(_tokenizer.Encode(source), encoder.SourceTokens(source));
            }
        }
    }

    [Fact]
    public void The_padded_length_follows_from_the_pair_alone_and_ends_at_the_models_limit()
    {
        var encoder = Encoder();

        Assert.Equal(8, encoder.Pack([], []).PaddedLength(38));
        Assert.Equal(16, encoder.Pack(new int[13], []).PaddedLength(38));
        Assert.Equal(24, encoder.Pack(new int[14], []).PaddedLength(38));
        Assert.Equal(38, encoder.Pack(new int[34], []).PaddedLength(38));
    }

    [Fact]
    public void A_likelihood_scorer_sees_the_answer_with_its_source_and_again_without()
    {
        const int Sum = 3;
        var pair = LikelihoodEncoder().Pack([10, 11, 12], [12, 20]);

        Assert.Equal([Begin, 10, 11, 12, Sum, 12, 20, End, Begin, Sum, 12, 20, End], pair.Ids);
        Assert.Equal([0, 0, 0, 0, 0, 2, 1, 1, 3, 3, 4, 4, 4], pair.Types.Select(type => (int)type));
    }

    [Theory]
    [InlineData(7, 2, 6, 2, true, false)]
    [InlineData(7, 4, 2, 4, true, false)]
    [InlineData(2, 6, 0, 5, true, true)]
    [InlineData(0, 0, 0, 0, false, false)]
    public void An_answer_that_stands_in_a_row_twice_takes_its_room_twice(
        int source, int answer, int sourceLeft, int answerLeft, bool sourceCut, bool answerCut)
    {
        var encoder = LikelihoodEncoder(maxPositions: 16);

        var pair = encoder.Pack(Enumerable.Repeat(10, source).ToArray(), Enumerable.Repeat(20, answer).ToArray());

        Assert.Equal((sourceLeft, 2 * answerLeft), (pair.Ids.Count(id => id == 10), pair.Ids.Count(id => id == 20)));
        Assert.Equal((sourceCut, answerCut), (pair.SourceCut, pair.AnswerCut));
        Assert.Equal(sourceLeft, Math.Min(source, encoder.SourceRoom(answerLeft)));
        Assert.Equal(5, encoder.AnswerRoom(0));
        Assert.Equal(3, encoder.AnswerRoom(3));
    }

    [Fact]
    public void A_likelihood_scorer_needs_the_marker_that_its_policy_answers_behind()
    {
        BytePairTrainer.Train(["reading"], 300, ["<pad>", "<s>", "</s>"]).Write(_folder.Path);
        var other = TextTokenizer.Load(_folder.Path);

        var error = Assert.Throws<ModelConfigException>(() => new PairEncoder(other, TinyLikelihood.Config(TinyScorer.RewardLabels)));

        Assert.Contains("tokenizer.json has no \"<sum>\"", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tokenizer_of_another_model_is_refused()
    {
        var error = Assert.Throws<ModelConfigException>(
            () => new PairEncoder(_tokenizer, TinyScorer.Config(TinyScorer.RewardLabels) with { VocabularySize = 20 }));

        Assert.Contains("vocab_size 20", error.Message);
    }

    private PairEncoder LikelihoodEncoder(int maxPositions = 96) =>
        new(_tokenizer, TinyLikelihood.Config(TinyScorer.RewardLabels, TinyPolicy.Config with { MaxPositions = maxPositions }));

    private PairEncoder Encoder(int maxPositions = 96, bool marksOverlap = true) =>
        new(_tokenizer, TinyScorer.Config(TinyScorer.RewardLabels, maxPositions, marksOverlap));
}
