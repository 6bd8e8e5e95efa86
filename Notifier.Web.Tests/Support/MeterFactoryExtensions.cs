using System.Diagnostics.Metrics;

namespace Notifier.Tests.Support;

internal static class MeterFactoryExtensions
{
    /// <summary>
    /// Creates a listener for an instrument of this factory only, and does not start it. A listener of .NET normally receives the
    /// measurements of the whole process, including applications of other tests.
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
