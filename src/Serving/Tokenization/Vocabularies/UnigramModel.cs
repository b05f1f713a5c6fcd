using System.Text;

namespace Serving.Tokenization.Vocabularies;

/// <summary>
/// Unigram language model (Kudo, arXiv:1804.10959): of all ways to cover a word with pieces, the one with the highest sum of scores (Viterbi).
/// A character that no piece covers costs 10 more than the worst piece; neighbours of that kind are one unknown token, or bytes. Immutable and
/// thread-safe.
/// </summary>
internal sealed class UnigramModel
{
    private const double UnknownPenalty = 10;

    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;
    private readonly PrefixTable _pieces;
    private readonly IReadOnlyList<double> _scores;
    private readonly double _unknownScore;
    private readonly int _unknown;
    private readonly int[]? _bytes;

    public UnigramModel(Dictionary<string, int> ids, IReadOnlyList<double> scores, int unknown, int[]? bytes)
    {
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _pieces = new PrefixTable(ids.Where(pair => pair.Key.Length > 0).Select(pair => (pair.Key, pair.Value)));
        _scores = scores;
        _unknownScore = scores.Min() - UnknownPenalty;
        _unknown = unknown;
        _bytes = bytes;
    }

    public void Encode(string word, List<int> tokens)
    {
        var best = BestPath(word);

        // Back along the path; unknown neighbours join into one stretch.
        var stretches = new List<(int Start, int End)>();
        for (var (end, joins) = (word.Length, false); end > 0; end = best[end].Start)
        {
            var unknown = best[end].Id == _unknown;
            if (unknown && joins)
            {
                stretches[^1] = (best[end].Start, stretches[^1].End);
            }
            else
            {
                stretches.Add((best[end].Start, end));
            }

            joins = unknown;
        }

        for (var i = stretches.Count - 1; i >= 0; i--)
        {
            var piece = word.AsSpan(stretches[i].Start, stretches[i].End - stretches[i].Start);
            if (_ids.TryGetValue(piece, out var id))
            {
                tokens.Add(id);
            }
            else if (_bytes is null)
            {
                tokens.Add(_unknown);
            }
            else
            {
                foreach (var b in Encoding.UTF8.GetBytes(piece.ToString()))
                {
                    tokens.Add(_bytes[b]);
                }
            }
        }
    }

    /// <summary>For every position of the word, the best way to end there.</summary>
    private Step[] BestPath(string word)
    {
        var best = new Step[word.Length + 1];
        Array.Fill(best, new Step(0, -1, 0), 1, word.Length);
        for (var start = 0; start < word.Length;)
        {
            var character = char.IsSurrogatePair(word, start) ? 2 : 1;
            var covered = false;
            var walk = _pieces.Begin();
            for (var end = start; end < word.Length && walk.Step(word[end]);)
            {
                end++;
                if (walk.Value is { } id)
                {
                    Offer(start, end, id, _scores[id]);
                    covered |= end - start == character;
                }
            }

            if (!covered)
            {
                Offer(start, start + character, _unknown, _unknownScore);
            }

            start += character;
        }

        return best;

        void Offer(int start, int end, int id, double score)
        {
            var total = best[start].Score + score;
            if (best[end].Start < 0 || total > best[end].Score)
            {
                best[end] = new Step(total, start, id);
            }
        }
    }

    private readonly record struct Step(double Score, int Start, int Id);
}
