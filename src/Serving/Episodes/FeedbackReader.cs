namespace Serving.Episodes;

/// <summary>Reads the feedback beside a log's episodes, also while a server writes to it and before there is any. Stateless.</summary>
/// <param name="root">The <see cref="EpisodeOptions.Root"/> of a log.</param>
public sealed class FeedbackReader(string root)
{
    private readonly RecordReader<FeedbackRecord> _records = new(new DatasetFolder(root, DatasetForm.Feedback), FeedbackCodec.Decode);

    /// <summary>Every whole record from the beginning, in the order of arrival.</summary>
    /// <exception cref="InvalidDataException">A record inside is damaged; the message names shard, record and fault.</exception>
    public IEnumerable<FeedbackRecord> ReadAll() => _records.From(EpisodePosition.Start).Select(read => read.Record);
}
