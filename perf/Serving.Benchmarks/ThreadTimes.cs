using System.Globalization;

namespace Serving.Benchmarks;

/// <summary>Processor time of a process on this machine by the names of its threads, from /proc (Linux only).</summary>
internal static class ThreadTimes
{
    /// <summary>Milliseconds so far, by thread name (its first 15 characters); threads of one name together.</summary>
    public static Dictionary<string, double> Of(int process)
    {
        var times = new Dictionary<string, double>();
        foreach (var thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
        {
            try
            {
                var name = File.ReadAllText(Path.Combine(thread, "comm")).TrimEnd();
                var nanoseconds = File.ReadAllText(Path.Combine(thread, "schedstat")).Split(' ')[0];
                times[name] = times.GetValueOrDefault(name) + (double.Parse(nanoseconds, CultureInfo.InvariantCulture) / 1e6);
            }
            catch (IOException)
            {
                // It has ended meanwhile; what it used is in the total of the process only.
            }
        }

        return times;
    }
}
