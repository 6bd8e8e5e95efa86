using FluentAssertions;
using Notifier.Access;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>Whom backends have had disconnected is remembered for those who are just coming.</summary>
public sealed class RecentDisconnectionsTests
{
    private readonly RecentDisconnections disconnections = new();

    [Fact]
    public void Only_what_was_known_before_is_no_longer_believed_and_only_of_that_subject()
    {
        var (before, other, nobody) = (Visitor("42"), Visitor("43"), Visitor(null));

        disconnections.Add("42");

        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Forbidden);
        disconnections.Check(other).Should().BeNull();
        disconnections.Check(nobody).Should().BeNull();
        disconnections.Check(Visitor("42")).Should().BeNull("it was asked afterwards who it is");
    }

    [Fact]
    public void Who_was_on_its_way_for_longer_than_is_remembered_is_not_let_in_and_told_to_try_again()
    {
        var (before, other) = (Visitor("42"), Visitor("other"));
        disconnections.Add("42");
        for (var n = 1; n < 1_000; n++)
            disconnections.Add($"{n % 7}");
        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Forbidden);
        disconnections.Check(other).Should().BeNull();

        disconnections.Add("one more");

        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Unavailable);
        disconnections.Check(other)!.Kind.Should().Be(AccessRefusalKind.Unavailable);
        disconnections.Check(Visitor("42")).Should().BeNull();
    }

    private Caller Visitor(string? subject) => new(Grant.Everything, Grant.Everything) { Subject = subject, DisconnectionsBefore = disconnections.Count };
}
