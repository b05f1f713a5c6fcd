namespace Serving.Inference;

/// <summary>
/// Prompts whose rows are kept, so that a later prompt with the same beginning runs only what is new. Least recently used ones go first. Costs nothing
/// unless the decoder shares rows. Engine thread only.
/// </summary>
/// <param name="decoder">Owner of the rows.</param>
/// <param name="budget">Most tokens kept, all prompts together.</param>
internal sealed class PrefixCache(IDecoder decoder, int budget)
{
    private const int MostEntries = 256;         // looked through one by one
    private const int ShortestPrefix = 16;       // a page; less is not worth a row

    private readonly LinkedList<(int[] Tokens, int Row)> _entries = [];
    private int _held;

    /// <summary>Opens a row for a prompt, with as much of it as is known; the last token always remains to be run, because its logits are wanted.</summary>
    public (int Row, int Length) Open(ReadOnlySpan<int> prompt, int most)
    {
        LinkedListNode<(int[] Tokens, int Row)>? best = null;
        var length = ShortestPrefix - 1;
        for (var node = _entries.First; node is not null; node = node.Next)
        {
            var common = Math.Min(most, node.Value.Tokens.AsSpan().CommonPrefixLength(prompt));
            (best, length) = common > length ? (node, common) : (best, length);
        }

        if (best is null)
        {
            return (decoder.Open(), 0);
        }

        _entries.Remove(best);
        _entries.AddLast(best);
        return (decoder.Fork(best.Value.Row, length), length);
    }

    /// <summary>Takes over the row of a prompt that has been run completely; it is kept, or closed.</summary>
    public void Keep(int[] prompt, int row)
    {
        if (!decoder.SharesRows || prompt.Length < ShortestPrefix || prompt.Length > budget)
        {
            decoder.Close(row);
            return;
        }

        for (var node = _entries.First; node is not null;)
        {
            // One is the other's beginning: the longer one serves both.
            var next = node.Next;
            var common = node.Value.Tokens.AsSpan().CommonPrefixLength(prompt);
            if (common == prompt.Length)
            {
                decoder.Close(row);
                return;
            }

            if (common == node.Value.Tokens.Length)
            {
                Drop(node);
            }

            node = next;
        }

        _entries.AddLast((prompt, row));
        _held += prompt.Length;
        while (_held > budget || _entries.Count > MostEntries)
        {
            Drop(_entries.First!);
        }
    }

    private void Drop(LinkedListNode<(int[] Tokens, int Row)> node)
    {
        decoder.Close(node.Value.Row);
        _held -= node.Value.Tokens.Length;
        _entries.Remove(node);
    }
}
