namespace Notifier.Configuration;

/// <summary>
/// Finds settings that have no effect, or another one than intended, and that no validation can find: names that do not exist, and quotation marks and commas
/// that a file of environment variables left in a value. No problem contains a value that may be a secret.
/// </summary>
/// <param name="known">All settings that exist.</param>
internal sealed class ConfigurationCheck(IEnumerable<KnownSettings> known)
{
    /// <summary>
    /// A key of another section is only reported if so few characters differ from one of Notifier's, because the environment variables of other programs are
    /// there, too.
    /// </summary>
    private const int MaxTypos = 2;

    private const char Quote = '"';
    private const char Apostrophe = '\'';

    private readonly HashSet<string> keys = new(known.SelectMany(static section => section.Keys), StringComparer.OrdinalIgnoreCase);
    private readonly HashSet<string> roots = new(known.Select(static section => section.Section.Split(':')[0]), StringComparer.OrdinalIgnoreCase);

    /// <summary>One sentence for each problem.</summary>
    public IEnumerable<string> Problems(IConfiguration configuration)
    {
        foreach (var (key, value) in configuration.AsEnumerable().OrderBy(static setting => setting.Key, StringComparer.Ordinal))
        {
            if (value is null)
                continue;
            var problem = KnownKeyOf(key) is { } setting
                ? ProblemOfValue(key, value, isEntry: setting.EndsWith(KnownSettings.AnyEntry, StringComparison.Ordinal))
                : ProblemOfUnknown(key);
            if (problem is not null)
                yield return problem;
        }
    }

    /// <summary>
    /// The setting, with a star in place of each entry of a list; null if the key is not one of Notifier's. Any text may be the name of an entry.
    /// </summary>
    private string? KnownKeyOf(string key)
    {
        var parts = key.Split(':');
        return keys.TryGetValue(key, out var exact)
            ? exact
            : keys.FirstOrDefault(known => known.Split(':') is var own && own.Length == parts.Length && Begins(own, parts));
    }

    private string? ProblemOfUnknown(string key)
    {
        var parts = key.Split(':');
        // A section; a validation reports a value where a section is expected.
        if (keys.Any(known => Begins(known.Split(':'), parts)) || parts.Any(IsComment))
            return null;
        var unknown = $"The setting {key} does not exist and has no effect";
        if (parts.Length == 1)
            return KnownKeyOf(key.Replace('_', ':')) is null ? null : $"{unknown}: write two underscores, {key.Replace("_", "__", StringComparison.Ordinal)}.";
        var (closest, typos) = ClosestTo(parts);
        if (typos <= (roots.Contains(parts[0]) ? Math.Max(MaxTypos, key.Length / 4) : MaxTypos))
            return $"{unknown}: did you mean {closest}?";
        return roots.Contains(parts[0]) ? $"{unknown}: docs/configuration.md lists all settings." : null;
    }

    /// <summary>Such as <c>"//": "…"</c> and <c>"$schema"</c> in a JSON file.</summary>
    private static bool IsComment(string part) => part is ['/' or '$' or '#', ..];

    private static bool Begins(string[] known, string[] parts) => known.Length >= parts.Length
        && parts.Index().All(part => known[part.Index] == KnownSettings.AnyEntry || known[part.Index].Equals(part.Item, StringComparison.OrdinalIgnoreCase));

    private (string Key, int Typos) ClosestTo(string[] parts)
    {
        var closest = ("", int.MaxValue);
        foreach (var known in keys)
        {
            var candidate = known.Split(':');
            for (var i = 0; i < candidate.Length; i++)
            {
                // The entries of both lists have the same number.
                if (candidate[i] == KnownSettings.AnyEntry)
                    candidate[i] = i < parts.Length && parts[i].All(char.IsAsciiDigit) ? parts[i] : "0";
            }
            var key = string.Join(':', candidate);
            var typos = Typos(string.Join(':', parts), key);
            if (typos < closest.Item2)
                closest = (key, typos);
        }
        return closest;
    }

    /// <summary>How many characters must be inserted, removed or replaced to turn one text into the other (Levenshtein).</summary>
    private static int Typos(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 0; i < one.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i + 1;
            for (var j = 0; j < other.Length; j++)
            {
                var replaced = diagonal + (char.ToUpperInvariant(one[i]) == char.ToUpperInvariant(other[j]) ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = Math.Min(replaced, Math.Min(row[j], diagonal) + 1);
            }
        }
        return row[^1];
    }

    /// <summary>
    /// A shell removes quotation marks; <c>docker run --env-file</c> and others do not. Only entries of lists are shown: these are names, and never secrets.
    /// </summary>
    private static string? ProblemOfValue(string key, string value, bool isEntry)
    {
        const string remove = "remove them (docker run --env-file does not remove them, as a shell does).";
        if (isEntry && value.AsSpan().TrimEnd(',') is var name && (name is [Quote or Apostrophe, ..] || name is [.., Quote or Apostrophe]))
            return $"{key} is {value}, and the quotation marks are a part of the name: {remove}";
        if (isEntry && value.Contains(',', StringComparison.Ordinal))
            return $"{key} is {value}, and the comma is a part of the name: if these are several names, write each as an entry of its own (:0, :1 …).";
        return value is [Quote, .., Quote] or [Apostrophe, .., Apostrophe]
            ? $"{key} begins and ends with quotation marks, which are a part of its value: {remove}"
            : null;
    }
}
