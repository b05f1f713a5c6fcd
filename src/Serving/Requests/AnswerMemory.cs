using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Serving.Observability;

namespace Serving.Requests;

/// <summary>
/// Remembers recent answers, so that a request which is sent again gets the answer of the first time instead of a second one (docs/http.md, "Repeated
/// requests"). Bounded in time, number and bytes; lost with the process. Thread-safe.
/// </summary>
public sealed class AnswerMemory(IOptions<RequestOptions> options, TimeProvider time)
{
    /// <summary>Requests remembered at most, however small their answers.</summary>
    private const int MostRequests = 10_000;

    private readonly RequestOptions _options = options.Value;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _idle = [];                     // those that nobody works on, the longest idle first
    private long _bytes;

    /// <summary>
    /// Finds out whether to work on a request. While an earlier attempt works on it, this waits; should that one end without an answer, the first that
    /// waits goes to work. The caller disposes the attempt.
    /// </summary>
    /// <exception cref="ApiException">The key was used for another request (422).</exception>
    public async Task<Attempt> BeginAsync(RequestIdentity identity, CancellationToken cancellationToken)
    {
        while (true)
        {
            Attempt earlier;
            lock (_lock)
            {
                ForgetOld();
                if (!_entries.TryGetValue(identity.Digest, out var entry))
                {
                    entry = new Entry(identity.Digest, identity.Content);
                    _entries.Add(identity.Digest, entry);
                    return Work(entry, identity, isFirst: true);
                }

                if (entry.Content != identity.Content)
                {
                    throw Reused();
                }

                // An attempt that failed is owed another one, whatever became of equal requests; without a debt, a repeat repeats the last.
                if (!identity.MayRepeat || entry.Owed > 0)
                {
                    entry.Owed -= identity.MayRepeat ? 1 : 0;
                    return Work(entry, identity);
                }

                earlier = entry.Last!;
            }

            if (await earlier.Outcome.WaitAsync(cancellationToken) is { } answer)
            {
                return new Attempt(identity, (_, _) => { }, answer);
            }
        }
    }

    private Attempt Work(Entry entry, RequestIdentity identity, bool isFirst = false)
    {
        if (entry.Working++ == 0 && entry.Place is not null)
        {
            _idle.Remove(entry.Place);
            entry.Place = null;
        }

        return entry.Last = new Attempt(identity, (attempt, answer) => Ended(entry, attempt, answer)) { IsFirst = isFirst };
    }

    private void Ended(Entry entry, Attempt attempt, RememberedAnswer? answer)
    {
        lock (_lock)
        {
            if (answer is null)
            {
                entry.Owed++;
            }
            else
            {
                entry.IsAnswered = true;
                entry.Last = attempt;                                  // of equal requests at the same time, the last that was answered
                _bytes += answer.Body.Length - entry.Bytes;
                entry.Bytes = answer.Body.Length;
            }

            if (--entry.Working > 0)
            {
                return;
            }

            if (!entry.IsAnswered)
            {
                _entries.Remove(entry.Digest);                         // nothing to repeat, and a refused body may be put right under its key
                return;
            }

            entry.IdleSince = time.GetUtcNow();
            entry.Place = _idle.AddLast(entry);

            ForgetOld();
        }
    }

    private void ForgetOld()
    {
        var oldest = time.GetUtcNow() - _options.RememberAnswersFor;
        while (_idle.First is { } first
            && (first.Value.IdleSince < oldest || _idle.Count > MostRequests || _bytes > _options.RememberedBytes))
        {
            _idle.RemoveFirst();
            _entries.Remove(first.Value.Digest);
            _bytes -= first.Value.Bytes;
        }
    }

    private static ApiException Reused() => new(new ApiError(
        StatusCodes.Status422UnprocessableEntity,
        ApiError.InvalidRequest,
        "idempotency_key_reused",
        $"This {RequestIdentity.KeyHeader} came with another route or body before. Send a new key with a new request, and the same body with the same key.",
        RequestIdentity.KeyHeader));

    private sealed class Entry(string digest, string content)
    {
        public string Digest => digest;

        public string Content => content;

        /// <summary>The attempt that repeats wait for or repeat.</summary>
        public Attempt? Last { get; set; }

        /// <summary>Attempts under way.</summary>
        public int Working { get; set; }

        /// <summary>Attempts that ended without an answer and were not made again yet.</summary>
        public int Owed { get; set; }

        public bool IsAnswered { get; set; }

        public long Bytes { get; set; }

        public DateTimeOffset IdleSince { get; set; }

        public LinkedListNode<Entry>? Place { get; set; }
    }
}
