namespace Serving.Tokenization.Vocabularies;

/// <summary>Appends the ids of one word, which is not empty. Pure and thread-safe.</summary>
internal delegate void WordEncoder(string word, List<int> ids);

/// <summary>A tokenizer's model: its entries, and how a word becomes some of them.</summary>
internal sealed record Vocabulary(Dictionary<string, int> Ids, WordEncoder Encode)
{
    /// <summary>Largest id: room for every published vocabulary, and no memory for the asking.</summary>
    public const int MostIds = 1 << 21;

    /// <summary>"&lt;0x41&gt;": how SentencePiece vocabularies write a byte that no other entry covers.</summary>
    public static string ByteEntry(int value) => $"<0x{value:X2}>";

    /// <summary>Ids of the 256 byte entries, or null when some are missing.</summary>
    public static int[]? ByteIds(Dictionary<string, int> ids)
    {
        var bytes = new int[256];
        for (var b = 0; b < 256; b++)
        {
            if (!ids.TryGetValue(ByteEntry(b), out bytes[b]))
            {
                return null;
            }
        }

        return bytes;
    }
}
