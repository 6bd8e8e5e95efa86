using FluentAssertions;
using Notifier.Access;
using Xunit;

namespace Notifier.Tests.Access;

/// <summary>A disconnection also applies to a caller of that subject whose connection is still being opened.</summary>
public sealed class RecentDisconnectionsTests
{
    private readonly RecentDisconnections disconnections = new();

    [Fact]
    public void A_disconnection_rejects_only_callers_of_its_subject_that_were_identified_before_it()
    {
        var (before, other, anonymous) = (CallerOf("42"), CallerOf("43"), CallerOf(null));

        disconnections.Add("42");

        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Forbidden);
        disconnections.Check(other).Should().BeNull();
        disconnections.Check(anonymous).Should().BeNull();
        disconnections.Check(CallerOf("42")).Should().BeNull("this caller was identified after the disconnection");
    }

    [Fact]
    public void A_caller_identified_before_the_oldest_remembered_disconnection_must_try_again()
    {
        var (before, other) = (CallerOf("42"), CallerOf("other"));
        disconnections.Add("42");
        for (var n = 1; n < 1_000; n++)
            disconnections.Add($"{n % 7}");
        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Forbidden);
        disconnections.Check(other).Should().BeNull();

        disconnections.Add("one more");

        disconnections.Check(before)!.Kind.Should().Be(AccessRefusalKind.Unavailable);
        disconnections.Check(other)!.Kind.Should().Be(AccessRefusalKind.Unavailable);
        disconnections.Check(CallerOf("42")).Should().BeNull();
    }

    private Caller CallerOf(string? subject) =>
        new(Grant.Everything, Grant.Everything) { Subject = subject, ExpiresAt = null, DisconnectionsBefore = disconnections.Count };
}
