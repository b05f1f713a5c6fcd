namespace Serving.Kernels;

/// <summary>Consecutive new tokens of one row within a batch.</summary>
/// <param name="Row">Its pages.</param>
/// <param name="First">Number of its first token within the batch.</param>
/// <param name="Count">Tokens.</param>
/// <param name="Start">Position of the first token within the row.</param>
public readonly record struct TokenRun(KvRow Row, int First, int Count, int Start)
{
    /// <summary>Pages that its last token sees.</summary>
    public int Pages => (Start + Count + KvPages.PageTokens - 1) / KvPages.PageTokens;
}

/// <summary>Pages that several tokens of the batch see, all of them held by the row <paramref name="Row"/>, too.</summary>
/// <param name="Row">Where to find the pages.</param>
/// <param name="FirstPage">First of them, counted within the row.</param>
/// <param name="EndPage">One more than the last.</param>
/// <param name="FirstMember">First of the tokens in <see cref="AttentionPlan.Members"/>.</param>
/// <param name="EndMember">One more than the last.</param>
internal readonly record struct AttentionSegment(KvRow Row, int FirstPage, int EndPage, int FirstMember, int EndMember);

/// <summary>
/// Who reads which pages in one step: rows that share pages (the candidates of one prompt) read them together, once. Made anew for each step,
/// before the first layer. The results do not depend on it: it only decides in which order independent work is done. Not thread-safe.
/// </summary>
public sealed class AttentionPlan
{
    private readonly List<TokenRun> _runs = [];
    private readonly List<AttentionSegment> _segments = [];
    private readonly List<int> _members = [];
    private readonly List<int> _positions = [];

    /// <summary>Tokens of the batch.</summary>
    public int Tokens => _positions.Count;

    /// <summary>Longest row after the step, in tokens.</summary>
    public int Longest { get; private set; }

    public IReadOnlyList<TokenRun> Runs => _runs;

    internal List<AttentionSegment> Segments => _segments;

    /// <summary>Tokens by segment; each token appears once for every segment that it reads.</summary>
    internal List<int> Members => _members;

    /// <summary>Position of a token within its row.</summary>
    internal int Position(int token) => _positions[token];

    public void Begin()
    {
        _runs.Clear();
        _segments.Clear();
        _members.Clear();
        _positions.Clear();
        Longest = 0;
    }

    /// <summary>Adds the next tokens of a row, whose pages have room for them already.</summary>
    public void Add(KvRow row, int count)
    {
        var run = new TokenRun(row, _positions.Count, count, row.Length);
        _runs.Add(run);
        for (var i = 0; i < count; i++)
        {
            _positions.Add(run.Start + i);
        }

        Longest = Math.Max(Longest, run.Start + count);
    }

    /// <summary>All runs are there: finds what they share. Sorts the runs, whose tokens keep their numbers.</summary>
    public void Finish() => Partition(0, _runs.Count, 0);

    /// <summary>Runs from..to, which share all pages before <paramref name="page"/>, split by the pages from there on.</summary>
    private void Partition(int from, int to, int page)
    {
        while (from < to)
        {
            var first = _runs[from];
            if (first.Pages <= page)
            {
                from++;          // it sees no more
                continue;
            }

            // Rows with the same next page move together.
            var end = from + 1;
            for (var i = end; i < to; i++)
            {
                if (_runs[i].Pages > page && _runs[i].Row[page] == first.Row[page])
                {
                    (_runs[end], _runs[i]) = (_runs[i], _runs[end]);
                    end++;
                }
            }

            var shared = end - from == 1 ? first.Pages : Common(from, end, page);
            Emit(from, end, page, shared);
            if (end - from > 1)
            {
                Partition(from, end, shared);
            }

            from = end;
        }
    }

    private int Common(int from, int end, int page)
    {
        var first = _runs[from];
        for (page++; page < first.Pages; page++)
        {
            for (var i = from + 1; i < end; i++)
            {
                if (_runs[i].Pages <= page || _runs[i].Row[page] != first.Row[page])
                {
                    return page;
                }
            }
        }

        return page;
    }

    private void Emit(int from, int end, int page, int endPage)
    {
        var member = _members.Count;
        for (var i = from; i < end; i++)
        {
            for (var token = 0; token < _runs[i].Count; token++)
            {
                _members.Add(_runs[i].First + token);
            }
        }

        _segments.Add(new AttentionSegment(_runs[from].Row, page, endPage, member, _members.Count));
    }
}
