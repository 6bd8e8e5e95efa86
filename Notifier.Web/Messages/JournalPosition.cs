using System.Globalization;

namespace Notifier.Messages;

/// <summary>The durable part of a position: <c>~epoch.id</c>, valid on all nodes.</summary>
/// <param name="EpochId">The public id of the journal's epoch.</param>
/// <param name="Id">The journal's id of the last message.</param>
internal readonly record struct JournalPosition(string EpochId, long Id)
{
    public const char Sign = '~';

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Sign}{EpochId}.{Id}");

    /// <returns>Null if the position has no durable part.</returns>
    public static JournalPosition? Parse(string position)
    {
        var text = position.AsSpan(position.IndexOf(Sign, StringComparison.Ordinal) + 1);
        var dot = text.IndexOf('.');
        return text.Length < position.Length && dot > 0 && long.TryParse(text[(dot + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new(text[..dot].ToString(), id)
            : null;
    }
}
