using Serving.Scoring;

namespace Serving.Trainer.Likelihood;

/// <summary>
/// Lays packed pairs out so that answers to one source share it: [&lt;s&gt; source &lt;sum&gt;, answers, &lt;s&gt; &lt;sum&gt;, the same answers]. Every
/// answer sees what stands before its own list and itself, so it gets the states that it would get in a row of its own.
/// </summary>
internal sealed class LikelihoodRows
{
    private const int AlonePrefix = 2;       // <s> <sum>

    private readonly List<long> _read = [];
    private readonly List<long> _predicting = [];
    private readonly List<long> _predictingAlone = [];
    private readonly List<long> _targets = [];
    private readonly List<float> _overlap = [];

    /// <param name="pairs">In the likelihood packing; neighbours with the same source share a row.</param>
    /// <param name="longestRow">Rows of several answers are no longer than this: attention grows with the square.</param>
    public LikelihoodRows(IReadOnlyList<EncodedPair> pairs, int longestRow)
    {
        var answers = pairs.Select(pair => new Answer(pair)).ToArray();
        var rows = Share(answers, longestRow);
        (Count, Width) = (rows.Count, rows.Max(row => row.Tokens));
        (Ids, Positions) = (new long[Count * Width], new long[Count * Width]);
        (Segments, Parents) = (new int[Count * Width], new int[Count * Width]);
        Array.Fill(Segments, -1);
        Array.Fill(Parents, -1);
        Counts = [.. answers.Select(answer => (long)answer.Length)];
        for (var r = 0; r < rows.Count; r++)
        {
            Fill(r * Width, rows[r].Answers);
        }

        Tokens = rows.Sum(row => row.Tokens);
    }

    /// <summary>Rows, N.</summary>
    public int Count { get; }

    /// <summary>Tokens of the longest row, T.</summary>
    public int Width { get; }

    /// <summary>Tokens without padding.</summary>
    public int Tokens { get; }

    public long[] Ids { get; }

    public long[] Positions { get; }

    /// <summary>Which piece of its row a token belongs to; -1 = padding.</summary>
    public int[] Segments { get; }

    /// <summary>The piece that its own piece follows.</summary>
    public int[] Parents { get; }

    public long[] Read => [.. _read];

    public long[] Predicting => [.. _predicting];

    public long[] PredictingAlone => [.. _predictingAlone];

    public long[] Targets => [.. _targets];

    public float[] Overlap => [.. _overlap];

    /// <summary>Tokens per answer, its end included.</summary>
    public long[] Counts { get; }

    private static List<(List<Answer> Answers, int Tokens)> Share(Answer[] answers, int longestRow)
    {
        var rows = new List<(List<Answer> Answers, int Tokens)>();
        foreach (var answer in answers)
        {
            if (rows is [.., var last] && last.Tokens + (2 * answer.Length) <= longestRow && last.Answers[0].Prefix.SequenceEqual(answer.Prefix))
            {
                last.Answers.Add(answer);
                rows[^1] = (last.Answers, last.Tokens + (2 * answer.Length));
            }
            else
            {
                rows.Add(([answer], answer.Prefix.Length + AlonePrefix + (2 * answer.Length)));
            }
        }

        return rows;
    }

    private void Fill(int start, List<Answer> answers)
    {
        var at = start;
        var (segment, prefix) = (0, answers[0].Prefix.Length);
        Put(answers[0].Prefix, position: 0, parent: 0);
        var prefixEnd = at - 1;
        foreach (var answer in answers)
        {
            for (var i = 0; i < answer.Length; i++)
            {
                _read.Add(at + i);
                _predicting.Add(i == 0 ? prefixEnd : at + i - 1);
                _targets.Add(answer.Ids[i]);
                _overlap.Add(answer.Types[i] == 2 ? 1 : 0);
            }

            Put(answer.Ids, prefix, parent: 0);
        }

        var alone = segment;
        Put(answers[0].AlonePrefix, position: 0, parent: alone);
        prefixEnd = at - 1;
        foreach (var answer in answers)
        {
            for (var i = 0; i < answer.Length; i++)
            {
                _predictingAlone.Add(i == 0 ? prefixEnd : at + i - 1);
            }

            Put(answer.Ids, AlonePrefix, parent: alone);
        }

        void Put(ReadOnlySpan<int> tokens, int position, int parent)
        {
            for (var i = 0; i < tokens.Length; i++, at++)
            {
                (Ids[at], Positions[at], Segments[at], Parents[at]) = (tokens[i], position + i, segment, parent);
            }

            segment++;
        }
    }

    /// <summary>The pieces of a packed pair.</summary>
    private sealed class Answer
    {
        public Answer(EncodedPair pair)
        {
            var start = pair.Types.AsSpan().IndexOfAnyExcept((byte)0);
            var end = pair.Types.AsSpan().IndexOf((byte)3);
            Prefix = pair.Ids[..start];
            Ids = pair.Ids[start..end];
            Types = pair.Types[start..end];
            AlonePrefix = pair.Ids[end..(end + LikelihoodRows.AlonePrefix)];
        }

        public int[] Prefix { get; }

        public int[] Ids { get; }

        public byte[] Types { get; }

        public int[] AlonePrefix { get; }

        /// <summary>Tokens, the end included.</summary>
        public int Length => Ids.Length;
    }
}
