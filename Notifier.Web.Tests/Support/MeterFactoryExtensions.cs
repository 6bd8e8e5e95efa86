using System.Diagnostics.Metrics;

namespace Notifier.Tests.Support;

internal static class MeterFactoryExtensions
{
    /// <summary>
    /// A listener for an instrument of this factory's alone, not started yet: a listener of .NET hears the whole process, and the applications of
    /// other tests run beside this one.
    /// </summary>
    public static MeterListener ListenerOf(this IMeterFactory meters, string instrument) => new()
    {
        InstrumentPublished = (published, self) =>
        {
            if (published.Name == instrument && published.Meter.Scope == meters)
                self.EnableMeasurementEvents(published);
        },
    };
}
