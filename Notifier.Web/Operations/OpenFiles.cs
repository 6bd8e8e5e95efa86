using System.Globalization;

namespace Notifier.Operations;

/// <summary>How many files this process may open: each connection needs one. .NET has already raised the soft limit to the hard one.</summary>
internal static class OpenFiles
{
    private const string Line = "Max open files";

    /// <summary>Files besides connections: libraries, Redis, the log, listeners.</summary>
    public const int Reserved = 300;

    /// <summary>Null if there is no limit, or if it is unknown because the system is not Linux.</summary>
    public static long? Limit
    {
        get
        {
            try
            {
                return Parse(File.ReadAllText("/proc/self/limits"));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <param name="limits">Lines such as <c>Max open files  1024  4096  files</c>: the soft limit, then the hard one.</param>
    public static long? Parse(string limits) =>
        limits.Split('\n').FirstOrDefault(static line => line.StartsWith(Line, StringComparison.Ordinal)) is { } line
        && line[Line.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..]
        && long.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
