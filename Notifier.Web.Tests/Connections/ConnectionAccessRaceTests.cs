using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Access;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>Access is renewed at the moment of its expiry: the connection is either renewed or closed.</summary>
public sealed class ConnectionAccessRaceTests
{
    private static readonly DateTimeOffset Now = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_connection_is_either_renewed_or_closed_on_expiry_and_never_both()
    {
        var (renewals, closes) = (0, 0);
        for (var round = 0; round < 20_000; round++)
        {
            var connection = Open(new ScriptedTransport());
            var access = new ConnectionAccess(Until(Now), Now.AddHours(-1));
            using var start = new Barrier(2);
            var sweep = new Thread(() =>
            {
                start.SignalAndWait();
                Liveness.Enforce(connection, access, Now);
            });
            sweep.Start();
            start.SignalAndWait();
            // On a busy machine the sweep starts late.
            if (closes < renewals / 4)
                Thread.Yield();
            else
                Thread.SpinWait(round % 50);
            var isRenewed = access.TryRenew(Until(Now.AddHours(1)), Now);
            sweep.Join();

            (connection.CloseRequested is null).Should().Be(isRenewed);
            _ = isRenewed ? renewals++ : closes++;
            if (round >= 1_000 && renewals > 20 && closes > 20)
                return;
        }
        Assert.Fail($"The test did not provoke the race: {renewals} renewals, {closes} closes.");
    }

    [Fact]
    public void A_connection_renewed_before_its_expiry_warning_is_sent_is_not_warned()
    {
        var transport = new ScriptedTransport();
        var connection = Open(transport);
        var access = new ConnectionAccess(Until(Now.AddSeconds(30)), Now.AddSeconds(-60));
        connection.TryAcquire().Should().BeTrue();
        Liveness.Enforce(connection, access, Now);

        access.TryRenew(Until(Now.AddHours(1)), Now).Should().BeTrue();
        connection.Release();

        transport.Taken.Should().BeEmpty();
    }

    [Fact]
    public void A_connection_is_warned_once_of_each_expiry()
    {
        var transport = new ScriptedTransport();
        var connection = Open(transport);
        var access = new ConnectionAccess(Until(Now.AddSeconds(61)), Now.AddHours(-1));

        Liveness.Enforce(connection, access, Now);
        transport.Offers.Should().Be(0);
        for (var second = 1; second < 10; second++)
            Liveness.Enforce(connection, access, Now.AddSeconds(second));
        transport.Taken[2..].Should().Equal("""{"type":"expiring","in":60}"""u8.ToArray());
        access.TryRenew(Until(Now.AddSeconds(100)), Now.AddSeconds(10));
        Liveness.Enforce(connection, access, Now.AddSeconds(69));
        transport.Offers.Should().Be(1);
        Liveness.Enforce(connection, access, Now.AddSeconds(70));

        transport.Offers.Should().Be(2);
        connection.CloseRequested.Should().BeNull();
    }

    private static Caller Until(DateTimeOffset end) =>
        new(Grant.Everything, Grant.Everything) { ExpiresAt = end, DisconnectionsBefore = Caller.WithoutSubject };

    private static Connection Open(Transport transport) => new(transport, NotifierV1.Format, static () => { }, TimeProvider.System, NullLogger.Instance);
}
