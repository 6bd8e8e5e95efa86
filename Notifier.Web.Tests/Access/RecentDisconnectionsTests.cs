using FluentAssertions;
using Notifier.Access;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>Whom backends have had disconnected is remembered for those who are just coming.</summary>
public sealed class RecentDisconnectionsTests
{
    private readonly RecentDisconnections disconnections = new();

    [Fact]
    public void A_disconnection_rejects_only_callers_of_its_subject_that_were_identified_before_it()
    {
        var (before, other, nobody) = (Visitor("42"), Visitor("43"), Visitor(null));

        disconnections.Add("42");

        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Forbidden);
        disconnections.Check(other).Should().BeNull();
        disconnections.Check(nobody).Should().BeNull();
        disconnections.Check(Visitor("42")).Should().BeNull("it was asked afterwards who it is");
    }

    [Fact]
    public void A_caller_identified_before_the_oldest_remembered_disconnection_must_try_again()
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
