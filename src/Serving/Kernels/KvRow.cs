namespace Serving.Kernels;

/// <summary>The pages of one sequence, in the order of its tokens.</summary>
public sealed class KvRow
{
    private readonly List<int> _pages = [];

    /// <summary>Tokens whose keys and values are there.</summary>
    public int Length { get; private set; }

    public int Pages => _pages.Count;

    /// <summary>Page <paramref name="index"/>, which holds the tokens from 16 * index on.</summary>
    public int this[int index] => _pages[index];

    /// <summary>Makes room for tokens up to <paramref name="length"/>.</summary>
    public void Grow(KvPages pool, int length)
    {
        while (_pages.Count * KvPages.PageTokens < length)
        {
            _pages.Add(pool.Take());
        }
    }

    /// <summary>The tokens up to <paramref name="length"/> are there now.</summary>
    public void Commit(int length) => Length = length;

    /// <summary>
    /// Takes over the first <paramref name="length"/> tokens of another row, for an empty row: whole pages are shared, an unfinished one is copied,
    /// because both rows will write into it.
    /// </summary>
    public void Begin(KvPages pool, KvRow other, int length)
    {
        var whole = length / KvPages.PageTokens;
        for (var i = 0; i < whole; i++)
        {
            pool.Share(other[i]);
            _pages.Add(other[i]);
        }

        if (whole * KvPages.PageTokens < length)
        {
            var page = pool.Take();
            pool.Copy(other[whole], page);
            _pages.Add(page);
        }

        Length = length;
    }

    /// <summary>Gives all pages back.</summary>
    public void Clear(KvPages pool)
    {
        _pages.ForEach(pool.Release);
        _pages.Clear();
        Length = 0;
    }
}
