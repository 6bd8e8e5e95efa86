using System.Globalization;

namespace Notifier.Messages;

/// <summary>The durable part of a position: <c>~mark.id</c>, good on all nodes.</summary>
/// <param name="Mark">Of the epoch.</param>
/// <param name="Id">Of the last message.</param>
internal readonly record struct JournalPosition(string Mark, long Id)
{
    public const char Sign = '~';

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Sign}{Mark}.{Id}");

    /// <returns>Null when the position has none.</returns>
    public static JournalPosition? Parse(string position)
    {
        var text = position.AsSpan(position.IndexOf(Sign, StringComparison.Ordinal) + 1);
        var dot = text.IndexOf('.');
        return text.Length < position.Length && dot > 0 && long.TryParse(text[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new(text[..dot].ToString(), id)
            : null;
    }
}
